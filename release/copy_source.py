"""Copies the source to another folder, to build it there and compare the result.

copy_source.py FOLDER
"""

import shutil
import sys
from pathlib import Path

from reproducible import ROOT, target

BUILT = shutil.ignore_patterns(".git", ".venv", ".aws-sam", "dist", "logs", "target", "__pycache__")


def ignored(folder: str, names: list[str]) -> set[str]:
    """Returns what is not source, the target folder of another name included."""
    return BUILT(folder, names) | {name for name in names if Path(folder, name).resolve() == target()}


if __name__ == "__main__":
    # A file keeps its time, so that Cargo builds only what has changed since the last copy.
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    shutil.copytree(ROOT, sys.argv[1], ignore=ignored)
