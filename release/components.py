"""Lists the crates in a binary as a CycloneDX bill of materials, and their licenses."""

import json
import re
import subprocess
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path

from reproducible import ROOT

LICENSE_FILE = re.compile(r"(?i)^(licen[sc]e|copying|copyright|notice|unlicense)")


@dataclass(frozen=True, order=True)
class Crate:
    """A crate from crates.io."""

    name: str
    version: str
    license: str
    sha256: str
    folder: Path

    @property
    def url(self) -> str:
        return f"pkg:cargo/{self.name}@{self.version}"

    def license_texts(self) -> list[str]:
        files = sorted(path for path in self.folder.iterdir() if LICENSE_FILE.match(path.name) and path.is_file())
        return [path.read_text(errors="replace").strip() for path in files]


def crates(packages: list[str], target: str) -> list[Crate]:
    """Returns the crates from crates.io that these workspace packages contain for a target."""
    tree = ["tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    for package in packages:
        tree += ["--package", package]
    wanted = set(re.findall(r"(?m)^(\S+) v(\S+)", cargo(*tree)))
    known = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))["packages"]
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    sums = {(package["name"], package["version"]): package["checksum"] for package in lock if "checksum" in package}
    return sorted(
        Crate(it["name"], it["version"], it["license"], sums[it["name"], it["version"]], Path(it["manifest_path"]).parent)
        for it in known
        if (it["name"], it["version"]) in wanted and it["source"]
    )


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def bill_of_materials(name: str, version: str, found: list[Crate]) -> bytes:
    """Returns a CycloneDX document. It is reproducible, because it has no time and its serial number is a hash of the rest."""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": crate.url,
                "name": crate.name,
                "version": crate.version,
                "purl": crate.url,
                "licenses": [{"expression": expression(crate.license)}],
                "hashes": [{"alg": "SHA-256", "content": crate.sha256}],
            }
            for crate in found
        ],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return (json.dumps(document | {"serialNumber": f"urn:uuid:{number}"}, indent=1, sort_keys=True) + "\n").encode()


def expression(license: str) -> str:
    """Returns a license as an SPDX expression. Old crates write `/` for OR."""
    return license.replace("/", " OR ")


def licenses(found: list[Crate]) -> bytes:
    """Returns the licenses of all crates. Each text occurs once, below the names of its crates."""
    texts: dict[str, list[str]] = {}
    for crate in found:
        # Some crates have no license file. The text of the same license occurs below other crates, so its name is enough.
        for text in crate.license_texts() or [f"(The crate has no license file. Its license: {expression(crate.license)})"]:
            texts.setdefault(text, []).append(f"{crate.name} {crate.version} ({expression(crate.license)})")
    head = "slacktrail contains the crates below and the Rust standard library (MIT OR Apache-2.0).\n"
    parts = [head, *(f"{', '.join(names)}\n\n{text}\n" for text, names in texts.items())]
    return ("\n" + "-" * 80 + "\n\n").join(parts).lstrip().encode()
