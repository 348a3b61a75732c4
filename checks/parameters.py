"""Generates the parameter table of docs/operations.md from template.yaml.

parameters.py --check   fails with a diff if the table is out of date
parameters.py --write   updates the table
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs/operations.md"
MARKED = re.compile(r"(?s)(?<=<!-- parameters: made by checks/parameters.py -->\n).*?(?=<!-- end -->)")


def table() -> str:
    """Returns the table of parameters, in the order of the CloudFormation console."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    lines = ["| parameter | default | meaning |", "|---|---|---|"]
    for name in (name for group in groups for name in group["Parameters"]):
        parameter = template["Parameters"][name]
        default = f"`{parameter['Default']}`" if str(parameter["Default"]) else "empty"
        lines.append(f"| `{name}` | {default} | {parameter['Description'].strip()} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--check", action="store_true")
    task.add_argument("--write", action="store_true")
    args = parser.parse_args()
    written = DOCUMENT.read_text()
    if not MARKED.search(written):
        hint = f"hint: add the comments that MARKED in {Path(__file__).name} matches"
        sys.exit(f"error: {DOCUMENT} has no marker comments for the table\n{hint}")
    wanted = MARKED.sub(lambda _: table(), written)
    if args.write:
        DOCUMENT.write_text(wanted)
    elif wanted != written:
        names = ["docs/operations.md", "checks/parameters.py"]
        sys.stdout.writelines(difflib.unified_diff(written.splitlines(True), wanted.splitlines(True), *names))
        sys.exit("hint: run `.venv/bin/python checks/parameters.py --write` to update the table")


if __name__ == "__main__":
    main()
