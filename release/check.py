"""Checks release archives, and runs the command if it is for this machine.

check.py ARCHIVE ... [--glibc VERSION]

dist.py runs these checks on the archives that it writes. With --glibc, a command for Linux that needs a newer glibc is an error.
"""

import argparse
import hashlib
import io
import json
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import archive
from package import FUNCTIONS

# The processor numbers in ELF files.
PROCESSORS = {0x3E: "x86_64", 0xB7: "arm64"}
# The glibc of Amazon Linux 2023, which runs the functions.
FUNCTIONS_GLIBC = (2, 34)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")

Version = tuple[int, int]


class Broken(Exception):
    """An archive is invalid."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("archives", type=Path, nargs="+")
    arguments.add_argument("--glibc")
    asked = arguments.parse_args()
    for path in asked.archives:
        check(path, version(asked.glibc) if asked.glibc else None)


def check(path: Path, command_glibc: Version | None = None) -> None:
    """Checks an archive and prints the result, or exits with an error."""
    try:
        with tempfile.TemporaryDirectory() as into:
            folder = archive.unpack(path, Path(into))
            require(f"{folder.name}.tar.gz" == path.name, f"its top-level folder is {folder.name}")
            check_sum(path)
            check_bill_of_materials(folder)
            check_links(folder)
            found = check_command(folder, command_glibc) if is_command(folder) else check_functions(folder)
    except Broken as broken:
        sys.exit(f"error: {path} is broken: {broken}")
    print(f"{path}  checked: {found}")


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def check_sum(path: Path) -> None:
    listed = (path.parent / "SHA256SUMS").read_text().splitlines()
    require(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" in listed, "SHA256SUMS does not list it")


def check_bill_of_materials(folder: Path) -> None:
    """Checks that the bill of materials and the licenses list the same crates."""
    document = json.loads((folder / "sbom.cdx.json").read_text())
    require(document["metadata"]["component"]["name"] == folder.name, "sbom.cdx.json is for another archive")
    require(len(document["components"]) > 50, "sbom.cdx.json lists too few crates")
    licenses = (folder / "THIRD_PARTY_LICENSES.txt").read_text()
    for crate in document["components"]:
        named = f"{crate['name']} {crate['version']} ("
        require(named in licenses, f"THIRD_PARTY_LICENSES.txt does not name {crate['name']}")


def check_links(folder: Path) -> None:
    """Checks that the target of each link in the documents exists: the file, and the heading if the link has an anchor."""
    for document in folder.rglob("*.md"):
        for file, anchor in LINK.findall(document.read_text()):
            target = document.parent / file if file else document
            where = f"{document.relative_to(folder)} links to {file}#{anchor}"
            require(target.resolve().is_relative_to(folder.resolve()) and target.exists(), f"{where}, which is not in the archive")
            require(not anchor or anchor in anchors(target), f"{where}, but that heading does not exist")


def anchors(document: Path) -> set[str]:
    """Returns the anchors that GitHub generates for a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_command(folder: Path) -> bool:
    return (folder / "slacktrail").is_file()


def check_functions(folder: Path) -> str:
    """Checks that each function is built for the archive's architecture and that Amazon Linux can run it."""
    architecture = folder.name.rpartition("-")[2]
    template = (folder / "template.yaml").read_text()
    require((folder / "samconfig.toml").is_file(), "it has no samconfig.toml")
    found = []
    for binary in FUNCTIONS.values():
        require(f"CodeUri: {binary}.zip\n" in template, f"template.yaml does not refer to {binary}.zip")
        data = (folder / f"{binary}.zip").read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            program = opened.read("bootstrap")
        require(processor(program) == architecture, f"{binary} is not built for {architecture}")
        require(needed_glibc(program) <= FUNCTIONS_GLIBC, f"{binary} needs a newer glibc than Amazon Linux 2023 has")
        found.append(f"{binary} {len(program):,} bytes, {len(data):,} in the zip file")
    return "; ".join(found)


def check_command(folder: Path, glibc: Version | None) -> str:
    """Checks the command's requirements, and runs the command if this machine can."""
    program = folder / "slacktrail"
    system, machine = folder.name.split("-")[-2:]
    found = [f"slacktrail {program.stat().st_size:,} bytes"]
    if system == "linux":
        needed = needed_glibc(program.read_bytes())
        require(processor(program.read_bytes()) == machine, f"the command is not built for {machine}")
        require(glibc is None or needed <= glibc, f"the command needs glibc {needed[0]}.{needed[1]}")
        found.append(f"needs glibc {needed[0]}.{needed[1]}")
    if (system, machine) == this_machine():
        # Without environment variables, so that the command does not depend on this machine's settings.
        done = subprocess.run([program, "--version"], env={}, capture_output=True, text=True, check=False)
        require(done.stdout.split() == ["slacktrail", folder.name.split("-")[1]], f"`slacktrail --version` prints {done.stdout!r}")
        shown = subprocess.run([program, "--help"], env={}, capture_output=True, text=True, check=False)
        require("Usage: slacktrail" in shown.stdout, "`slacktrail --help` shows no usage")
        listed = re.findall(r"^  ([a-z]+)", shown.stdout.split("Commands:")[1].split("Options:")[0], re.MULTILINE)
        for command in ["", *(f"-{command}" for command in listed if command != "help")]:
            require((folder / f"man/slacktrail{command}.1").is_file(), f"man/slacktrail{command}.1 is missing")
        found.append("runs")
    return ", ".join(found)


def this_machine() -> tuple[str, str]:
    """Returns the system and the processor, as in archive names."""
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    return system, {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())


def processor(program: bytes) -> str | None:
    """Returns the processor of an ELF file, or None for other files."""
    if not program.startswith(b"\x7fELF"):
        return None
    return PROCESSORS.get(int.from_bytes(program[18:20], "little"))


def needed_glibc(program: bytes) -> Version:
    """Returns the newest glibc version whose symbols an ELF file uses."""
    return max((version(found.decode()) for found in re.findall(rb"\0GLIBC_(\d+\.\d+)", program)), default=(0, 0))


def version(text: str) -> Version:
    major, minor = text.split(".")
    return int(major), int(minor)


if __name__ == "__main__":
    main()
