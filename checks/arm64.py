"""Builds both functions for arm64, runs them, and measures their size and their first call.

arm64.py --target DIR [--runner COMMAND]

Says which tool is missing and ends without an error where arm64 cannot be built or run.

Rust builds for arm64 with its prebuilt standard library (`rustup target add aarch64-unknown-linux-gnu`). Where that is not installed, the
library is compiled from its source: rustup's component `rust-src`, or Debian's package of the same version. On another processor qemu
runs the functions.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRIPLE = "aarch64-unknown-linux-gnu"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Debian's suites that carry current versions of Rust.
SUITES = ["trixie-backports", "sid"]
# Where Debian's `libc6-arm64-cross` puts the C library for arm64.
LIBRARIES = Path("/usr/aarch64-linux-gnu")
# Tests of the compiled functions: ticks that store, and the way through OAuth.
TESTS = [
    ["--test", "poller", "collects"],
    ["--test", "oauth", "compiled"],
]


class Missing(Exception):
    """A tool that this machine does not have."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--target", type=Path, required=True)
    target = arguments.parse_args().target.resolve()
    try:
        build = standard_library(target)
        runner = emulator()
    except Missing as missing:
        print(f"arm64: skipped, {missing}")
        return
    lambdas = target / "arm64"
    run("cargo", "lambda", "build", "--release", "--arm64", "--lambda-dir", str(lambdas), environment=build)
    functions = {
        "SLACKTRAIL_POLLER": str(lambdas / "poller/bootstrap"),
        "SLACKTRAIL_OAUTH": str(lambdas / "oauth/bootstrap"),
        "SLACKTRAIL_RUNNER": runner,
    }
    for test in TESTS:
        run("cargo", "test", "--workspace", "--locked", *test, environment=functions)
    run("cargo", "run", "--quiet", "--locked", "--package", "slacktrail-tests", "--bin", "footprint", environment=functions)


def standard_library(target: Path) -> dict[str, str]:
    """Returns the variables with which Cargo has a standard library for arm64."""
    sysroot = Path(output("rustc", "--print", "sysroot"))
    if (sysroot / "lib/rustlib" / TRIPLE / "lib").is_dir():
        return {}
    # Cargo compiles the library itself. That is not stable yet, so the compiler is told to allow it.
    from_source = {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_BUILD_STD": "std,panic_abort"}
    if (sysroot / "lib/rustlib/src/rust/library").is_dir():
        return from_source
    return from_source | {"__CARGO_TESTS_ONLY_SRC_ROOT": str(debian_source(target))}


def debian_source(target: Path) -> Path:
    """Returns the standard library of this compiler's version from Debian's package `rust-src`."""
    version = output("rustc", "--version").split()[1]
    folder = target / "rust-src" / version
    if not folder.is_dir():
        if not shutil.which("apt-get") or not Path(KEYRING).is_file():
            raise Missing(f"Rust's standard library is not installed (rustup target add {TRIPLE})")
        package = download_source(target / "apt", version)
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        run("dpkg-deb", "--extract", str(package), str(partial))
        partial.rename(folder)
    (library,) = folder.glob("usr/src/rustc-*/library")
    return library


def download_source(folder: Path, version: str) -> Path:
    """Downloads `rust-src` of this version with package lists of its own: the machine's stay as they are."""
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    sources.write_text("".join(f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n" for suite in SUITES))
    options = [f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-", f"Dir::State::Lists={folder}/lists"]
    apart = [word for option in [*options, "Dir::Cache::PkgCache=", "Dir::Cache::SrcPkgCache="] for word in ("-o", option)]
    if subprocess.run(["apt-get", *apart, "--quiet", "--quiet", "update"], check=False).returncode:
        raise Missing("Debian's package lists cannot be downloaded")
    listed = output("apt-cache", *apart, "madison", "rust-src").splitlines()
    found = [line.split("|")[1].strip() for line in listed if line.split("|")[1].strip().startswith(f"{version}+")]
    if not found:
        raise Missing(f"Debian has no `rust-src` {version} (rustup target add {TRIPLE})")
    run("apt-get", *apart, "--quiet", "--quiet", "download", f"rust-src={found[0]}", folder=folder)
    return next(folder.glob(f"rust-src_{version}+*.deb"))


def emulator() -> str:
    """Returns the command that runs arm64 programs; nothing on an arm64 machine."""
    if platform.machine() in ("aarch64", "arm64"):
        return ""
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not qemu or not LIBRARIES.is_dir():
        raise Missing("qemu is not installed (apt-get install qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross)")
    return f"{qemu} -L {LIBRARIES}"


def run(*command: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, env=os.environ | (environment or {}), check=False)
    if done.returncode:
        sys.exit(f"error: `{' '.join(command)}` failed")


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
