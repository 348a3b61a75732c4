"""Tests that `sam build` uses Cargo.lock, and builds the functions without features that only the command needs."""

import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import unittest

import template

CRATE = """
[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[[bin]]
name = "{binary}"
path = "main.rs"
"""


# The aws-config features for `aws login` sessions, profiles with a credential process, and IAM Identity Center.
SIGN_INS = ["credentials-login", "credentials-process", "sso"]


def features(*packages: str) -> str:
    """Returns the features with which Cargo builds only these packages."""
    command = ["cargo", "tree", "--offline", "--locked", "--edges", "normal,features", "--prefix", "none"]
    for package in packages:
        command += ["--package", package]
    return subprocess.run(command, cwd=template.ROOT, capture_output=True, text=True, check=True).stdout


def manifest() -> str:
    return (template.ROOT / "Cargo.toml").read_text()


def build() -> dict:
    return tomllib.loads(manifest())["workspace"]["metadata"]["lambda"]["build"]


def functions() -> dict[str, str]:
    """Returns the binary and the package of each function that SAM builds with cargo-lambda."""
    resources = template.written()["Resources"].values()
    metadata = [resource["Metadata"] for resource in resources if resource["Type"] == "AWS::Serverless::Function"]
    binaries = [data["BuildProperties"]["Binary"] for data in metadata if data["BuildMethod"] == "rust-cargolambda"]
    return {binary: f"slacktrail-{binary}" for binary in binaries}


def cargo_lambda(folder: pathlib.Path, binary: str) -> subprocess.CompletedProcess:
    """Builds a binary as SAM does, but for this machine and without optimizations."""
    beside = pathlib.Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    environment["CARGO_TARGET_DIR"] = str(folder / "target")
    command = ["cargo", "lambda", "build", "--bin", binary]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


class Build(unittest.TestCase):
    def workspace(self, folder: pathlib.Path) -> None:
        """Creates a workspace of small crates with the names of the functions and the command, and this repository's settings."""
        binaries = functions() | {"slacktrail": "slacktrail-cli"}
        for binary, name in binaries.items():
            (folder / name).mkdir()
            (folder / name / "Cargo.toml").write_text(CRATE.format(name=name, binary=binary))
            (folder / name / "main.rs").write_text("fn main() {}\n")
        settings = "[workspace.metadata.lambda.build]\n" + manifest().split("[workspace.metadata.lambda.build]\n")[1].split("\n\n")[0]
        members = ", ".join(f'"{name}"' for name in binaries.values())
        (folder / "Cargo.toml").write_text(f'[workspace]\nresolver = "3"\nmembers = [{members}]\n\n{settings}\n')

    def test_cargo_lambda_builds_only_locked_dependencies(self):
        self.assertIs(build()["locked"], True)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.workspace(folder)
            refused = cargo_lambda(folder, "poller")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("--locked", refused.stderr)
            self.assertFalse((folder / "Cargo.lock").exists())

            subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=folder, capture_output=True, check=True)
            built = cargo_lambda(folder, "poller")
            self.assertEqual(built.returncode, 0, built.stderr)

    def test_functions_are_built_without_cli_features(self):
        self.assertCountEqual(build()["packages"], functions().values())
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.workspace(folder)
            subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=folder, capture_output=True, check=True)
            refused = cargo_lambda(folder, "slacktrail")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("slacktrail", refused.stderr)

        for feature in SIGN_INS:
            self.assertNotIn(f'aws-config feature "{feature}"', features(*build()["packages"]))

    def test_cli_enables_every_aws_sign_in_feature(self):
        """Container and instance roles need no feature, because aws-config always supports them."""
        for feature in SIGN_INS:
            self.assertIn(f'aws-config feature "{feature}"', features("slacktrail-cli"))


if __name__ == "__main__":
    unittest.main()
