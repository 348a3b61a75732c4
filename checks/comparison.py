"""Compares collectors of Slack logs (`make compare`), and writes docs/comparison.md and the table in README.md.

comparison.py run SIMULATOR  play all days, measure, store the results in checks/comparison.json, and write both documents
comparison.py measure SIMULATOR  only measure, and store the results beside the days of the last run
comparison.py write          write both documents from the stored results
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "checks/comparison.json"
DOCUMENT = ROOT / "docs/comparison.md"
README = ROOT / "README.md"
# The table in the README stands between these lines.
BEGIN, END = "<!-- written by `make compare` -->\n", "<!-- end -->\n"



@dataclass(frozen=True)
class Collector:
    """A collector with a description in tests/comparison."""

    # What runs, and with which settings, for docs/comparison.md.
    about: str
    is_installed: Callable[[], bool] = lambda: True


COLLECTORS = {
    "slacktrail-poller": Collector("the compiled poller, on an emulated AWS (moto)"),
    "slacktrail-pull": Collector("the CLI, which stores into a directory. Each run is one attempt"),
    "grove": Collector(
        "from PyPI, with its local file handlers for configuration, output and cache, and `frequency: 0`, so that each run polls. It has "
        "no setting for an overlap or for duplicates",
        lambda: Path(os.environ.get("GROVE_PYTHON", "")).is_file(),
    ),
    "helr": Collector(
        "from crates.io, as its `docs/integrations/slack.md` describes, with the optional `incremental_from`, `dedupe` and "
        "`on_cursor_error: reset`. It polls every second, at most 10 pages of 1,000 rows, without `page_delay_secs`",
        lambda: shutil.which("helr") is not None,
    ),
    "cursor-script": Collector("30 lines of Python: requests rows after the newest time so far, and then stores the newest time"),
}
# `pull` is the debug build here, so its CPU time would say nothing.
MEASURED = ["baseline", "slacktrail-poller", "grove", "helr", "cursor-script"]
RECORDS, ROUNDS = 100_000, 3
# What `ok` means, in the same words in every document.
OK = (
    "`ok` means that the collector stored each record once and unchanged, ended each run in time, kept Slack's limits, wrote no secret, and "
    "reported every persistent error."
)
# Why a collector fails a day, where its own documentation suggests that it passes. Each is printed only while the cell is not `ok`.
NOTES = {
    ("backlog", "Grove 2.2.0"): (
        "Grove requests rows from the newest stored second on, and compares a page with the hashes of the page before it. If one of two runs has "
        "several pages, the second run stores the newest row of the first again."
    ),
    ("endless page cursor", "helr 0.7.0"): (
        "helr keeps the page cursor in its state. With `on_cursor_error: reset` it drops a rejected one if the error contains `invalid cursor`, "
        "`cursor invalid` or `expired`. Slack's error is `invalid_cursor`, so helr repeats the rejected cursor in each later poll."
    ),
    ("20 hours late", "helr 0.7.0"): (
        "helr has no setting for an overlap. Without `incremental_from`, it reads the whole log in each poll. It then also passes the other days "
        "with late rows, and *rows between pages*, as long as `dedupe` has room for every record of the log. To see this, run "
        "`HELR_WHOLE_LOG=1 make judge COLLECTORS=helr`."
    ),
}
# The days in the README.
README_DAYS = [
    "error on page two",
    "killed between pages",
    "killed before the state",
    "two runs at once",
    "30 seconds late",
    "20 hours late",
    "rows between pages",
    "a long second",
    "throttled without valid Retry-After",
    "endless page cursor",
]


def main() -> None:
    match sys.argv[1:]:
        case ["run", simulator]:
            store(run(simulator))
        case ["measure", simulator]:
            store(json.loads(RESULTS.read_text()) | {"usage": measure(simulator)})
        case ["write"]:
            pass
        case _:
            sys.exit(__doc__)
    for file, text in documents(json.loads(RESULTS.read_text()), README.read_text()).items():
        file.write_text(text)
    results = json.loads(RESULTS.read_text())
    print(table(results["days"]))
    print(usage_table(results["usage"]))


def run(simulator: str) -> dict:
    """Plays all days and measures, with the collectors that are installed."""
    missing = not_installed()
    for name in missing:
        print(f"{name} is not installed and is left out", file=sys.stderr)
    installed = [name for name in COLLECTORS if name not in missing]
    played = output([simulator, "judge", "--json", *descriptions(installed)], accepted=(0, 1))
    days = [
        {
            "log": day["log"],
            "day": day["day"],
            "about": day["about"],
            "cells": {verdict["collector"]: verdict["cell"] for verdict in day["verdicts"]},
        }
        for day in played["days"]
    ]
    return {"missing": missing, "days": days, "usage": measure(simulator)}


def measure(simulator: str) -> dict:
    """Measures the collectors that are installed, and the baseline."""
    measured = [name for name in MEASURED if name not in not_installed()]
    return output([simulator, "judge", f"--measure={RECORDS}", f"--rounds={ROUNDS}", *descriptions(measured)])


def not_installed() -> list[str]:
    return [name for name, collector in COLLECTORS.items() if not collector.is_installed()]


def descriptions(names: list[str]) -> list[str]:
    return [f"tests/comparison/{name}.toml" for name in names]


def store(results: dict) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def output(command: list[str], accepted: tuple[int, ...] = (0,)) -> dict:
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if ended.returncode not in accepted:
        sys.exit(f"`{' '.join(command)}` failed with exit code {ended.returncode}")
    return json.loads(ended.stdout)


def documents(results: dict, readme: str) -> dict[Path, str]:
    """Returns the text of both documents."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    chosen = [day for name in README_DAYS for day in results["days"] if (day["log"], day["day"]) == ("audit", name)]
    short = table(chosen, with_log=False)
    return {README: f"{before}{BEGIN}\n{short}\n{END}{after}", DOCUMENT: document(results)}


def document(results: dict) -> str:
    left_out = "".join(f"\n{name} could not be installed and is left out.\n" for name in results["missing"])
    abouts = "".join(f"- *{day['day']}* ({day['log']}): {day['about']}\n" for day in results["days"])
    return f"""# Comparison of collectors

`make compare` writes this page. It plays the same days with each collector ([how](judge.md)) and measures them on one backlog. It installs
the other collectors and takes about 20 minutes on two cores.

{wrapped(f"{OK} `-` means that the collector does not collect the log. [Judge a collector](judge.md#what-is-compared) explains the other words.")}
{left_out}
{table(results["days"])}
To reproduce a cell, run this command with the collector's name from the next table and with the day. It builds and installs what it needs,
prints examples of the differences, and keeps the collector's files and output in the folder `KEEP`:

    make judge COLLECTORS=grove DAY='audit/killed between pages' KEEP=/tmp/day

{collectors()}
The configurations are in `tests/comparison`. To try another setting, change the file and run the command again.

{notes(results["days"])}## Days

{abouts}
## Speed, memory and size

One backlog of {records(results):,} audit records of one day, in pages of 1,000: medians of {rounds(results)} rounds, and their range where it
differs. Every round measures each collector once. The baseline is `curl` and `gzip -5`, which parse no record and store no position. The ratio is to
the baseline of the same round, because the seconds depend on the machine. slacktrail is the poller, built with the settings of a deployment,
on an emulated S3. One process starts, and is invoked once per 25,000 records, because a tick reads at most 25 pages. The CPU time includes
its start, but not the emulator. slacktrail and Grove compress what they write. helr and the cursor script do not.

{usage_table(results["usage"])}"""


def wrapped(text: str) -> str:
    """Returns a paragraph in lines of at most 140 characters."""
    return textwrap.fill(text, 140, break_long_words=False, break_on_hyphens=False)


def collectors() -> str:
    """Returns the table of the collectors and their settings."""
    rows = [["column", "`COLLECTORS`", "what runs"]]
    rows += [[description(name)["name"], f"`{name}`", collector.about] for name, collector in COLLECTORS.items()]
    return markdown(rows)


def description(name: str) -> dict:
    """Returns the description of a collector."""
    return tomllib.loads((ROOT / f"tests/comparison/{name}.toml").read_text())


def records(results: dict) -> int:
    """Returns the number of records of the backlog."""
    return max(entry["usage"]["records"] or 0 for entry in results["usage"]["rounds"])


def rounds(results: dict) -> int:
    return max(entry["round"] for entry in results["usage"]["rounds"])


def table(days: list[dict], with_log: bool = True) -> str:
    names = list(dict.fromkeys(name for day in days for name in day["cells"]))
    rows = [[*(["log"] if with_log else []), "day", *names]]
    for day in days:
        rows.append([*([day["log"]] if with_log else []), day["day"], *(day["cells"].get(name, "-") for name in names)])
    return markdown(rows)


def notes(days: list[dict]) -> str:
    failed = {(day["day"], name) for day in days for name, cell in day["cells"].items() if cell != "ok"}
    texts = [f"- *{day}*, {name}: {text}\n" for (day, name), text in NOTES.items() if (day, name) in failed]
    return f"Notes on single cells:\n\n{''.join(texts)}\n" if texts else ""


def usage_table(usage: dict) -> str:
    by_collector: dict[str, list[dict]] = {}
    for entry in usage["rounds"]:
        by_collector.setdefault(entry["collector"], []).append(entry["usage"])
    baseline = by_collector["curl and gzip"]
    rows = [["collector", "CPU seconds", "ratio to the baseline", "peak memory, MiB", "written, MB", "calls to Slack"]]
    for name, runs in by_collector.items():
        of = lambda field, runs=runs: [run[field] for run in runs]
        ratios = [cpu / base["cpu_seconds"] for cpu, base in zip(of("cpu_seconds"), baseline, strict=True)]
        rows.append([
            name,
            spread(of("cpu_seconds"), ".2f"),
            spread(ratios, ".2f"),
            spread([peak / 2**20 for peak in of("memory_peak")], ".0f"),
            spread([size / 1e6 for size in of("bytes")], ".1f"),
            spread(of("calls"), ",.0f"),
        ])
    return markdown(rows) + cpu_ratios(by_collector)


def cpu_ratios(by_collector: dict[str, list[dict]]) -> str:
    """Returns a sentence that compares the CPU time of slacktrail with that of each other collector."""
    cpu = lambda name: statistics.median(run["cpu_seconds"] for run in by_collector[name])
    others = [name for name in by_collector if name not in ("slacktrail", "curl and gzip")]
    ratios = [f"{cpu('slacktrail') / cpu(name):.2f} of {name}" for name in others]
    return f"\nslacktrail's CPU time is {', '.join(ratios)}.\n" if ratios else ""


def spread(values: list[float], form: str) -> str:
    """Returns the median, and the range if it differs."""
    low, middle, high = (format(value, form) for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def markdown(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    return lines[0] + "|" + "---|" * len(rows[0]) + "\n" + "".join(lines[1:])


if __name__ == "__main__":
    main()
