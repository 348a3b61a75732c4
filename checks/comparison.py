"""Compares collectors of Slack logs (`make compare`), and writes docs/comparison.md and the table in README.md.

comparison.py run SIMULATOR  play all days, measure, store the results in checks/comparison.json, and write both documents
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
            RESULTS.write_text(json.dumps(run(simulator), indent=1) + "\n")
        case ["write"]:
            pass
        case _:
            sys.exit(__doc__)
    for file, text in documents(json.loads(RESULTS.read_text()), README.read_text()).items():
        file.write_text(text)
    print(table(json.loads(RESULTS.read_text())["days"]))


def run(simulator: str) -> dict:
    """Plays all days and measures, with the collectors that are installed."""
    installed = [name for name, is_installed in COLLECTORS.items() if is_installed()]
    missing = [name for name in COLLECTORS if name not in installed]
    for name in missing:
        print(f"{name} is not installed and is left out", file=sys.stderr)
    judge = [simulator, "judge", "--json"]
    files = lambda names: [f"tests/comparison/{name}.toml" for name in names]
    played = output([*judge, *files(installed)], accepted=(0, 1))
    measured = [name for name in MEASURED if name not in missing]
    usage = output([*judge, f"--measure={RECORDS}", f"--rounds={ROUNDS}", *files(measured)])
    days = [
        {
            "log": day["log"],
            "day": day["day"],
            "about": day["about"],
            "cells": {verdict["collector"]: verdict["cell"] for verdict in day["verdicts"]},
        }
        for day in played["days"]
    ]
    return {"missing": missing, "days": days, "usage": usage}


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

`ok` means that each record is stored once and unchanged, that the collector keeps Slack's limits, writes no secret, and tells if something is
wrong that only a person can resolve. `-` means that the collector does not collect the log. [Judge a collector](judge.md#what-is-compared)
explains the other words.
{left_out}
{table(results["days"])}
{abouts}
## Speed, memory, cost

One backlog of {results["usage"]["records"]:,} audit records of one day, in pages of 1,000 if the collector allows it, medians of {rounds(results)} rounds and
their range. Every round measures each collector once. The floor is `curl` and `gzip -5`, which parse nothing and remember nothing. CPU is a
ratio to the floor of the same round, because the seconds depend on the machine. slacktrail is the compiled poller, built without
link-time optimization, which writes to an emulated S3. It is started once per 25,000 records, because a tick reads at most 25 pages.

{usage_table(results["usage"])}"""


def rounds(results: dict) -> int:
    return max(entry["round"] for entry in results["usage"]["rounds"])


def table(days: list[dict], with_log: bool = True) -> str:
    names = list(dict.fromkeys(name for day in days for name in day["cells"]))
    rows = [[*(["log"] if with_log else []), "day", *names]]
    for day in days:
        rows.append([*([day["log"]] if with_log else []), day["day"], *(day["cells"].get(name, "-") for name in names)])
    return markdown(rows)


def usage_table(usage: dict) -> str:
    by_collector: dict[str, list[dict]] = {}
    for entry in usage["rounds"]:
        by_collector.setdefault(entry["collector"], []).append(entry["usage"])
    floor = by_collector["curl and gzip"]
    rows = [["collector", "CPU", "peak memory", "bytes written", "calls to Slack"]]
    for name, runs in by_collector.items():
        ratios = [run["cpu_seconds"] / base["cpu_seconds"] for run, base in zip(runs, floor, strict=True)]
        middle = lambda field: statistics.median(run[field] for run in runs)  # noqa: E731
        rows.append([
            name,
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{middle('memory_peak') / 2**20:.0f} MiB",
            f"{middle('bytes') / 1e6:.1f} MB",
            f"{middle('calls'):,.0f}",
        ])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    return lines[0] + "|" + "---|" * len(rows[0]) + "\n" + "".join(lines[1:])


if __name__ == "__main__":
    main()
