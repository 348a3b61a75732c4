"""Builds both functions for arm64, runs them, measures their size and first call, and deploys their release archive.

arm64.py --target DIR [--required]

If a tool is missing, the script prints its name and exits without an error. With --required, it exits with an error.

Rust builds for arm64 with its prebuilt standard library (`rustup target add aarch64-unknown-linux-gnu`). If the library is not installed,
Cargo compiles it from the rustup component `rust-src` or from Debian's package of the same version. On other processors, qemu runs the
functions.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "release"))
import check  # noqa: E402
import reproducible  # noqa: E402

TRIPLE = "aarch64-unknown-linux-gnu"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Debian suites with current versions of Rust.
SUITES = ["trixie-backports", "sid"]
# The C library for arm64 from Debian's `libc6-arm64-cross`.
LIBRARIES = Path("/usr/aarch64-linux-gnu")
# Tests of the compiled functions: ticks that store records, and the OAuth flow.
TESTS = [
    ["--test", "poller", "collects::"],
    ["--test", "oauth", "compiled::"],
]
# Cargo's output after each test binary, and the output of a test that cannot run.
RESULT = re.compile(r"(?m)^test result: ok\. (\d+) passed")
SKIPPED = re.compile(r"skipped: .*")


class Missing(Exception):
    """A tool is not installed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--required", action="store_true")
    args = parser.parse_args()
    target = args.target.resolve()
    try:
        build = standard_library(target)
        runner = emulator()
    except Missing as missing:
        if args.required:
            sys.exit(f"error: cannot check arm64: {missing}")
        print(f"arm64: skipped, {missing}")
        return
    lambdas = target / "arm64"
    # As for a release. The archive has the same bytes, unless the caller turned optimizations off.
    variables = reproducible.environment(variables=os.environ | build)
    run("cargo", "lambda", "build", "--release", "--arm64", "--lambda-dir", str(lambdas), environment=variables)
    test_functions(lambdas, runner)
    deploy_archive(lambdas, target / "arm64-dist")


def test_functions(lambdas: Path, runner: str) -> None:
    """Runs the tests with the functions, and measures the functions."""
    functions = {"SLACKTRAIL_RUNNER": runner}
    for name in ["poller", "oauth"]:
        program = lambdas / name / "bootstrap"
        if check.processor(program.read_bytes()) != "arm64":
            sys.exit(f"error: {program} is not built for arm64")
        functions[f"SLACKTRAIL_{name.upper()}"] = str(program)
    for test in TESTS:
        require_tests(run("cargo", "test", "--workspace", "--locked", *test, "--", "--nocapture", environment=functions))
    run("cargo", "run", "--quiet", "--locked", "--package", "slacktrail-tests", "--bin", "footprint", environment=functions)


def require_tests(printed: str) -> None:
    """Fails if no test ran or a test was skipped, because a filter matches nothing or an emulator is missing."""
    skipped = SKIPPED.findall(printed)
    if skipped:
        sys.exit(f"error: a test did not run: {skipped[0]}")
    if not any(int(passed) for passed in RESULT.findall(printed)):
        sys.exit("error: no test ran\nhint: change TESTS in checks/arm64.py")


def deploy_archive(lambdas: Path, output: Path) -> None:
    """Packages the functions as in a release, and deploys the archive to an emulated account."""
    shutil.rmtree(output, ignore_errors=True)
    dist = [sys.executable, str(ROOT / "release/dist.py"), "--output", str(output)]
    run(*dist, "--architectures", "arm64", "--functions", str(lambdas), "--without-command")
    (archive,) = output.glob("*.tar.gz")
    tests = ["-m", "unittest", "discover", "--start-directory", "checks/deploy", "--pattern", "test_deployment.py"]
    run(sys.executable, *tests, environment={"SLACKTRAIL_ARCHIVE": str(archive)})


def standard_library(target: Path) -> dict[str, str]:
    """Returns the environment variables that give Cargo a standard library for arm64."""
    sysroot = Path(output("rustc", "--print", "sysroot"))
    if (sysroot / "lib/rustlib" / TRIPLE / "lib").is_dir():
        return {}
    # Cargo compiles the library. This feature is unstable, so RUSTC_BOOTSTRAP enables it.
    from_source = {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_BUILD_STD": "std,panic_abort"}
    if (sysroot / "lib/rustlib/src/rust/library").is_dir():
        return from_source
    return from_source | {"__CARGO_TESTS_ONLY_SRC_ROOT": str(debian_source(target))}


def debian_source(target: Path) -> Path:
    """Returns the standard library for this compiler version from Debian's package `rust-src`."""
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
    """Downloads `rust-src` of this version. Uses separate package lists, so that the machine's lists do not change."""
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    sources.write_text("".join(f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n" for suite in SUITES))
    options = [f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-", f"Dir::State::Lists={folder}/lists"]
    apart = [word for option in [*options, "Dir::Cache::PkgCache=", "Dir::Cache::SrcPkgCache="] for word in ("-o", option)]
    if subprocess.run(["apt-get", *apart, "--quiet", "--quiet", "update"], check=False).returncode:
        raise Missing("cannot download Debian's package lists")
    listed = output("apt-cache", *apart, "madison", "rust-src").splitlines()
    found = [line.split("|")[1].strip() for line in listed if line.split("|")[1].strip().startswith(f"{version}+")]
    if not found:
        raise Missing(f"Debian has no `rust-src` {version} (rustup target add {TRIPLE})")
    run("apt-get", *apart, "--quiet", "--quiet", "download", f"rust-src={found[0]}", folder=folder)
    return next(folder.glob(f"rust-src_{version}+*.deb"))


def emulator() -> str:
    """Returns the command that runs arm64 programs, or an empty string on an arm64 machine."""
    if platform.machine() in ("aarch64", "arm64"):
        return ""
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not qemu or not LIBRARIES.is_dir():
        raise Missing("qemu is not installed (apt-get install qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross)")
    return f"{qemu} -L {LIBRARIES}"


def run(*command: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> str:
    """Runs a command, prints its standard output and returns it."""
    done = subprocess.Popen(command, cwd=folder, env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True)
    printed = ""
    for line in done.stdout:
        print(line, end="", flush=True)
        printed += line
    if done.wait():
        sys.exit(f"error: `{' '.join(command)}` failed")
    return printed


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
