"""Collects objects into a directory with the compiled collector, from the samples or from the simulated Slack, or stores given rows.

The reader here shares no code with slacktrail, so that DuckDB's results are compared with what any other program reads.
"""

import gzip
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import samples
import slack

# The format of an object key, as documented.
KEY = re.compile(r"(?P<log>[a-z]+)/(?P<day>\d{4}/\d{2}/\d{2})/(?P<source>[a-z0-9-]+)-(?P<number>\d{6,})\.json\.gz")
SECONDS_MAX = 120


@dataclass(frozen=True)
class Object:
    path: Path
    key: str

    def lines(self) -> list[str]:
        *lines, after_the_last = (
            gzip.decompress(self.path.read_bytes()).decode().split("\n")
        )  # not splitlines(), because U+2028 does not end a line
        assert after_the_last == "", self.key
        return lines

    def records(self) -> list[dict]:
        return [json.loads(line) for line in self.lines()]


def objects(directory: Path, log: str = "*") -> list[Object]:
    """Returns the objects in a directory of logs, without the collector's own dot directories."""
    paths = (
        path for path in directory.glob(f"{log}/*/*/*/*") if not path.relative_to(directory).parts[0].startswith(".")
    )
    return [Object(path, path.relative_to(directory).as_posix()) for path in sorted(paths)]


def store(directory: Path, log: str, day: str, rows: list[str]) -> Path:
    """Writes rows, which are JSON objects, as the first object of a day, with the fields that the views and queries need."""
    path = directory / log / day / "acme-000001.json.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress("".join(f"{line(row)}\n" for row in rows).encode()))
    return path


def line(row: str) -> str:
    """Returns a row with slacktrail's fields appended. The row keeps its text."""
    record = json.loads(row)
    second = int(next(record[key] for key in ("date_create", "date_first", "date") if key in record))
    time = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    fields = {
        "p_row_id": hashlib.md5(row.encode()).hexdigest(),
        "p_event_time": time,
        "p_parse_time": time,
        "p_source_id": "acme",
    }
    return f"{row.rstrip().removesuffix('}')},{json.dumps(fields, separators=(',', ':'))[1:]}"


def collect_samples(directory: Path) -> None:
    """Runs `slacktrail pull` against a server that returns the samples."""
    with slack.running() as url:
        pull(directory, f"{url}/api/", f"{url}/audit/v1/", "xoxp-sample", "--since", samples.SINCE)


def collect_simulated(directory: Path) -> None:
    """Runs `slacktrail pull` against the simulated Slack."""
    with simulator() as settings:
        pull(
            directory, settings["SLACK_API_URL"], settings["SLACK_AUDIT_URL"], settings["SLACK_TOKEN"], "--since", "2d"
        )


def pull(directory: Path, api_url: str, audit_url: str, token: str, *options: str) -> None:
    command = [binary("slacktrail"), "pull", "acme", "--dir", directory, "--name", "Example Inc.", *options]
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
        for line in process.stdout:  # NAME=value lines, followed by an example with curl
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
    """Returns the path of a binary that cargo built in this workspace."""
    path = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[2] / "target")) / "debug" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built\nhint: run `cargo build --workspace --bins`")
    return path
