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
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "checks/comparison.json"
DOCUMENT = ROOT / "docs/comparison.md"
README = ROOT / "README.md"
# The table in the README stands between these lines.
BEGIN, END = "<!-- written by `make compare` -->\n", "<!-- end -->\n"

# The descriptions in tests/comparison, and what each needs besides this repository.
COLLECTORS = {
    "slacktrail-poller": lambda: True,
    "slacktrail-pull": lambda: True,
    "grove": lambda: Path(os.environ.get("GROVE_PYTHON", "")).is_file(),
    "helr": lambda: shutil.which("helr") is not None,
    "cursor-script": lambda: True,
}
# `pull` is the debug build here, so its CPU time would say nothing.
MEASURED = ["floor", "slacktrail-poller", "grove", "helr", "cursor-script"]
RECORDS, ROUNDS = 100_000, 3
# Why a collector fails a day, where its own documentation suggests that it passes. Each is printed only while the cell is not `ok`.
NOTES = {
    ("endless page cursor", "helr 0.7.0"): (
        "helr keeps the page cursor in its state. With `on_cursor_error: reset` it drops a rejected one if the error contains `invalid cursor`, "
        "`cursor invalid` or `expired`. Slack's error is `invalid_cursor`, so helr repeats the rejected cursor in each later poll."
    ),
    ("20 hours late", "helr 0.7.0"): (
        "helr has no setting for an overlap. Without `incremental_from`, it reads the whole log in each poll. It then also passes the other days "
        "with late rows, *rows between pages* and *clock steps back*, as long as `dedupe` has room for every record of the log."
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
    "a long second",
    "throttled without advice",
    "endless page cursor",
    "clock steps back",
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
    """Measures the collectors that are installed, and the floor."""
    measured = [name for name in MEASURED if name not in not_installed()]
    return output([simulator, "judge", f"--measure={RECORDS}", f"--rounds={ROUNDS}", *descriptions(measured)])


def not_installed() -> list[str]:
    return [name for name, is_installed in COLLECTORS.items() if not is_installed()]


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

`make compare` writes this page. It plays the same days with each collector ([how](judge.md)) and measures them on one backlog. It installs the
peers and takes about 20 minutes on two cores.

Each peer is configured as its own documentation says for Slack. `tests/comparison` has the configurations, and names the settings. To
reproduce one cell, for example:

    slack-simulator judge tests/comparison/grove.toml --day 'audit/killed between pages' --keep /tmp/day

`ok` means that the collector stored each record once and unchanged, kept Slack's limits, wrote no secret, and reported every problem that
requires action. `-` means that the collector does not collect the log. [Judge a collector](judge.md#what-is-compared) explains the other
words.
{left_out}
{table(results["days"])}
{abouts}{notes(results["days"])}
## Speed, memory, cost

One backlog of {results["usage"]["records"]:,} audit records of one day, in pages of 1,000: medians of {rounds(results)} rounds, and their range where it differs.
Every round measures each collector once. The floor is `curl` and `gzip -5`, which parse no record and store no position. The ratio is to the
floor of the same round, because the seconds depend on the machine. slacktrail is the poller, built with the settings of a deployment, on an
emulated S3. One process starts, and is invoked once per 25,000 records, because a tick reads at most 25 pages. Its start counts, and the
emulator does not.

{usage_table(results["usage"])}"""


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
    return "\n" + "".join(texts) if texts else ""


def usage_table(usage: dict) -> str:
    by_collector: dict[str, list[dict]] = {}
    for entry in usage["rounds"]:
        by_collector.setdefault(entry["collector"], []).append(entry["usage"])
    floor = by_collector["curl and gzip"]
    rows = [["collector", "CPU seconds", "ratio to the floor", "peak memory, MiB", "written, MB", "calls to Slack"]]
    for name, runs in by_collector.items():
        of = lambda field, runs=runs: [run[field] for run in runs]
        ratios = [cpu / base["cpu_seconds"] for cpu, base in zip(of("cpu_seconds"), floor, strict=True)]
        rows.append([
            name,
            spread(of("cpu_seconds"), ".2f"),
            spread(ratios, ".2f"),
            spread([peak / 2**20 for peak in of("memory_peak")], ".0f"),
            spread([size / 1e6 for size in of("bytes")], ".1f"),
            spread(of("calls"), ",.0f"),
        ])
    return markdown(rows) + shares(by_collector)


def shares(by_collector: dict[str, list[dict]]) -> str:
    """Returns the CPU time of slacktrail as a share of each other collector's."""
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
