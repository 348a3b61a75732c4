"""Copies the source to another folder, so that a build there can be compared with the original build.

copy_source.py FOLDER
"""

import shutil
import sys
from pathlib import Path

from reproducible import ROOT, target

BUILT = shutil.ignore_patterns(".git", ".venv", ".aws-sam", "dist", "logs", "target", "__pycache__")


def ignored(folder: str, names: list[str]) -> set[str]:
    """Returns the names that are not source, including a target folder with another name."""
    return BUILT(folder, names) | {name for name in names if Path(folder, name).resolve() == target()}


if __name__ == "__main__":
    # Files keep their times, so that Cargo builds only what changed since the last copy.
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    shutil.copytree(ROOT, sys.argv[1], ignore=ignored)
