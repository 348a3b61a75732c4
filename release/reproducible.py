"""Runs a build whose result does not depend on its location.

reproducible.py COMMAND [ARGUMENT ...]

Rust and C compilers write source paths into binaries. This script replaces the paths of this machine with fixed paths.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def target() -> Path:
    """Returns Cargo's target folder."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()


def environment(root: Path = ROOT, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns `variables`, plus those that make a build of the source at `root` reproducible."""
    cargo_home = Path(variables.get("CARGO_HOME", Path.home() / ".cargo")).resolve()
    paths = {root: "/slacktrail", cargo_home: "/cargo", target(): "/target"}
    # Set if Cargo builds the standard library from source, because no prebuilt library is installed.
    library = variables.get("__CARGO_TESTS_ONLY_SRC_ROOT")
    if library:
        paths[Path(library).resolve()] = "/rust/library"
    # The compilers use the last matching prefix, so the longest path comes last.
    remapped = sorted(paths.items(), key=lambda path: len(str(path[0])))
    if any(" " in str(path) for path in paths):
        sys.exit("error: the path of the source, of Cargo or of the target folder contains a space\nhint: build in another folder")
    # Cargo appends this variable to the processor flags from cargo-lambda. RUSTFLAGS would replace those flags.
    rust = " ".join(f"--remap-path-prefix={path}={name}" for path, name in remapped)
    c = " ".join(f"-ffile-prefix-map={path}={name}" for path, name in remapped)
    return dict(variables) | {"CARGO_BUILD_RUSTFLAGS": rust, "CFLAGS": c, "CARGO_INCREMENTAL": "0"}


def version() -> str:
    """Returns the version of slacktrail."""
    command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)["packages"]
    (found,) = {package["version"] for package in packages if package["name"] == "slacktrail-poller"}
    return found


if __name__ == "__main__":
    sys.exit(subprocess.run(sys.argv[1:], env=environment(), check=False).returncode)
