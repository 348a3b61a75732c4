"""Builds the release archives: the functions for each architecture with a template, and the command for this machine.

dist.py --output DIR [--architectures [arm64] [x86_64]] [--functions DIR] [--command FILE | --without-command]

--functions and --command name existing builds, which the script packages without building them again: the functions of one architecture
in a folder that cargo-lambda wrote, or the command.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import archive
import check
import components
from package import FUNCTIONS, packaged
from reproducible import ROOT, environment, target, version

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
CARGO_LAMBDA = {"arm64": "--arm64", "x86_64": "--x86-64"}
# The version that the command requires on Linux. Amazon Linux 2023 and RHEL 9 have it.
GLIBC = "2.34"
DOCUMENTS = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/*.svg",
    "athena/*/*.sql",
    "duckdb/*.sql",
]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, required=True)
    arguments.add_argument("--architectures", nargs="*", choices=TARGETS, default=list(TARGETS))
    arguments.add_argument("--functions", type=Path)
    command = arguments.add_mutually_exclusive_group()
    command.add_argument("--command", type=Path)
    command.add_argument("--without-command", action="store_true")
    asked = arguments.parse_args()
    if asked.functions and len(asked.architectures) != 1:
        arguments.error("--functions needs one architecture")
    if not asked.functions:
        for architecture in asked.architectures:
            require_standard_library(architecture)
    files = {}
    for architecture in asked.architectures:
        files |= package_functions(architecture, asked.functions or build_functions(architecture))
    if not asked.without_command:
        files |= package_command(asked.command or build_command())
    write(asked.output, files)


def require_standard_library(architecture: str) -> None:
    """Fails if Rust cannot build for an architecture. Cargo would report a missing crate `core` only after minutes."""
    triple = TARGETS[architecture]
    sysroot = Path(run("rustc", "--print", "sysroot"))
    if "CARGO_UNSTABLE_BUILD_STD" in environment() or (sysroot / "lib/rustlib" / triple / "lib").is_dir():
        return
    others = [name for name in TARGETS if name != architecture]
    sys.exit(
        f"error: Rust's standard library for {architecture} is not installed\n"
        f"hint: run `rustup target add {triple}`, or build only the others: `make dist ARCHITECTURES={' '.join(others)}`"
    )


def build_functions(architecture: str) -> Path:
    """Builds both functions and returns their folder."""
    folder = target() / f"dist-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    build("cargo", "lambda", "build", "--release", CARGO_LAMBDA[architecture], "--lambda-dir", str(folder))
    return folder


def package_functions(architecture: str, folder: Path) -> dict[str, bytes]:
    """Returns the name and the bytes of an archive with the functions in a folder."""
    name = f"slacktrail-{version()}-{architecture}"
    packages = [f"slacktrail-{binary}" for binary in FUNCTIONS.values()]
    files = documents() | notices(name, packages, TARGETS[architecture])
    files["template.yaml"] = packaged((ROOT / "template.yaml").read_text(), architecture).encode()
    files["samconfig.toml"] = (ROOT / "release/samconfig.toml").read_bytes()
    for binary in FUNCTIONS.values():
        files[f"{binary}.zip"] = archive.zip_bootstrap((folder / binary / "bootstrap").read_bytes())
    return {f"{name}.tar.gz": archive.tar(name, files)}


def build_command() -> Path:
    """Builds the command for this machine and returns its file. On Linux, zig links it for `GLIBC`, not for this machine's version."""
    triple = host()
    command, wanted = ("zigbuild", f"{triple}.{GLIBC}") if triple.endswith("-linux-gnu") else ("build", triple)
    build("cargo", command, "--release", "--locked", "--package", "slacktrail-cli", "--target", wanted)
    return target() / triple / "release/slacktrail"


def package_command(binary: Path) -> dict[str, bytes]:
    """Returns the name and the bytes of an archive with the command for this machine."""
    name = "-".join(["slacktrail", version(), "command", *check.this_machine()])
    files = documents() | notices(name, ["slacktrail-cli"], host())
    files["slacktrail"] = binary.read_bytes()
    files |= man_pages(binary)
    return {f"{name}.tar.gz": archive.tar(name, files, frozenset(["slacktrail"]))}


def man_pages(binary: Path) -> dict[str, bytes]:
    """Returns the man pages, which the command writes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary.resolve(), "man", folder], env={}, check=True)
        return {f"man/{page.name}": page.read_bytes() for page in Path(folder).iterdir()}


def host() -> str:
    """Returns Rust's default target."""
    (triple,) = [line.split()[1] for line in run("rustc", "-vV").splitlines() if line.startswith("host: ")]
    return triple


def documents() -> dict[str, bytes]:
    """Returns the documents and the files that they link to."""
    paths = sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern))
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in paths}


def notices(name: str, packages: list[str], triple: str) -> dict[str, bytes]:
    """Returns the bill of materials and the licenses of the crates in these packages."""
    found = components.crates(packages, triple)
    return {
        "sbom.cdx.json": components.bill_of_materials(name, version(), found),
        "THIRD_PARTY_LICENSES.txt": components.licenses(found),
    }


def write(output: Path, files: dict[str, bytes]) -> None:
    """Writes the archives, and SHA256SUMS for all archives in the folder. Then checks the archives that it wrote."""
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (output / name).write_bytes(content)
        print(f"{output / name}  {len(content):,} bytes")
    archives = sorted(output.glob("*.tar.gz"))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in archives]
    (output / "SHA256SUMS").write_text("".join(sums))
    print(output / "SHA256SUMS")
    for name in files:
        check.check(output / name)


def build(*arguments: str) -> None:
    if subprocess.run(arguments, cwd=ROOT, env=environment(), check=False).returncode:
        sys.exit(f"error: `{' '.join(arguments)}` failed")


def run(*arguments: str) -> str:
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
