"""Directories of objects that the compiled collector wrote, from the samples and from the simulated Slack."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import samples
import slack

# What docs promise about an object's key.
KEY = re.compile(r"(?P<log>[a-z]+)/(?P<day>\d{4}/\d{2}/\d{2})/(?P<source>[a-z0-9-]+)-(?P<number>\d{6,})\.json\.gz")
SECONDS_MAX = 120


@dataclass(frozen=True)
class Object:
    path: Path
    key: str

    def lines(self) -> list[str]:
        *lines, after_the_last = (
            gzip.decompress(self.path.read_bytes()).decode().split("\n")
        )  # not splitlines: U+2028 ends none
        assert after_the_last == "", self.key
        return lines

    def records(self) -> list[dict]:
        return [json.loads(line) for line in self.lines()]


def objects(directory: Path, log: str = "*") -> list[Object]:
    """The objects of a directory of logs. What the collector keeps for itself lies under a name with a dot."""
    paths = (
        path for path in directory.glob(f"{log}/*/*/*/*") if not path.relative_to(directory).parts[0].startswith(".")
    )
    return [Object(path, path.relative_to(directory).as_posix()) for path in sorted(paths)]


def collect_samples(directory: Path) -> None:
    """Runs `slacktrail pull` against a Slack that shows the samples."""
    with slack.running() as url:
        pull(directory, f"{url}/api/", f"{url}/audit/v1/", "xoxp-sample", "--since", samples.SINCE)


def collect_simulated(directory: Path) -> None:
    """Runs `slacktrail pull` against the simulated Slack."""
    with simulator() as settings:
        pull(
            directory, settings["SLACK_API_URL"], settings["SLACK_AUDIT_URL"], settings["SLACK_TOKEN"], "--since", "2d"
        )


def pull(directory: Path, api_url: str, audit_url: str, token: str, *options: str) -> None:
    command = [binary("slacktrail"), "pull", "--to", directory, "--source", "acme", "--name", "Example Inc.", *options]
    environment = {**os.environ, "SLACK_API_URL": api_url, "SLACK_AUDIT_URL": audit_url, "SLACK_TOKEN": token}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX)
    if done.returncode:
        raise RuntimeError(f"slacktrail pull failed: {done.stdout}{done.stderr}")


@contextmanager
def simulator() -> Iterator[dict[str, str]]:
    """Starts the simulated Slack and yields the settings that it prints."""
    command = [binary("slack-simulator"), "--days", "2", "--audit-per-day", "2000", "--people", "40"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        settings = {}
        for line in process.stdout:  # ends with an example; before it come NAME=value lines
            if line.startswith("curl"):
                break
            name, _, value = line.strip().partition("=")
            settings[name] = value
        yield settings
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def binary(name: str) -> Path:
    """A binary of this workspace, where cargo puts it."""
    path = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[2] / "target")) / "debug" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built\nhint: cargo build --workspace --bins")
    return path
