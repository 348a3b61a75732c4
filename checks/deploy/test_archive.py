"""The release archives: their template, their bytes, and a deployment from one to an emulated account.

`make deployed` builds an archive, and names it in SLACKTRAIL_ARCHIVE. Without it, only the tests that need no build run.
"""

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

import template
from deploy import REGION, Account
from samtranslator.yaml_helper import yaml_parse
from test_stack import running_account

sys.path.insert(0, str(template.ROOT / "release"))
import archive  # noqa: E402
import components  # noqa: E402
import dist  # noqa: E402
from package import FUNCTIONS, packaged, replaced  # noqa: E402
from reproducible import environment  # noqa: E402

ARCHIVE = os.environ.get("SLACKTRAIL_ARCHIVE")
# The same archive, built from a copy of the source in another folder.
AGAIN = os.environ.get("SLACKTRAIL_ARCHIVE_AGAIN")
# What `sam build` has built.
BUILD = os.environ.get("SLACKTRAIL_BUILD")


class Template(unittest.TestCase):
    def test_packaged_template_differs_in_code_and_architecture_only(self):
        written = (template.ROOT / "template.yaml").read_text()
        for architecture in dist.TARGETS:
            changed, wanted = yaml_parse(packaged(written, architecture)), yaml_parse(written)
            parameter = wanted["Parameters"]["Architecture"]
            parameter |= {"Default": architecture, "AllowedValues": [architecture]}
            parameter["Description"] = changed["Parameters"]["Architecture"]["Description"]
            del wanted["Globals"]["Function"]["CodeUri"]
            for name, binary in FUNCTIONS.items():
                del wanted["Resources"][name]["Metadata"]
                wanted["Resources"][name]["Properties"]["CodeUri"] = f"{binary}.zip"
            self.assertEqual(changed, wanted)

    def test_every_function_of_the_template_is_packaged(self):
        resources = template.written()["Resources"].items()
        functions = {name for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}
        self.assertEqual(functions, set(FUNCTIONS))

    def test_changed_template_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "0 places that match 'nothing'"):
            replaced("text", "nothing", "")


class Bytes(unittest.TestCase):
    def test_archives_depend_on_content_only(self):
        files = {"b": b"2", "a": b"1"}
        one, other = archive.tar("folder", files), archive.tar("folder", dict(sorted(files.items())))
        self.assertEqual(one, other)
        with tarfile.open(fileobj=io.BytesIO(one)) as opened:
            self.assertEqual([(it.name, it.mtime, it.uid) for it in opened], [("folder/a", 315532800, 0), ("folder/b", 315532800, 0)])
        self.assertEqual(gzip.decompress(one)[:8], b"folder/a")
        self.assertEqual(one[4:8], bytes(4), "gzip's own time")

    def test_function_is_an_executable_bootstrap(self):
        with zipfile.ZipFile(io.BytesIO(archive.zip_bootstrap(b"binary"))) as opened:
            (entry,) = opened.infolist()
            self.assertEqual((entry.filename, entry.external_attr >> 16, entry.date_time), ("bootstrap", 0o100755, archive.TIME))
            self.assertEqual(opened.read(entry), b"binary")


class Flags(unittest.TestCase):
    def test_build_replaces_paths_and_keeps_flags_for_the_processor(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            (folder / "src").mkdir()
            (folder / "src/main.rs").write_text('fn main() { println!("{}", file!()); }\n')
            (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n')
            # As cargo-lambda passes them.
            command = ["cargo", "build", "--offline", "--verbose", "--config", 'build.rustflags=["--cfg", "processor"]']
            variables = environment(folder) | {"CARGO_TARGET_DIR": str(folder / "target")}
            built = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
        self.assertIn("--cfg processor", built.stderr)
        self.assertIn(f"--remap-path-prefix={folder}=/slacktrail", built.stderr)

    def test_longest_path_is_replaced_last(self):
        flags = environment(Path("/a"))["CARGO_BUILD_RUSTFLAGS"].split()
        lengths = [len(flag.split("=")[1]) for flag in flags]
        self.assertEqual(lengths, sorted(lengths))


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        packages = [f"slacktrail-{binary}" for binary in FUNCTIONS.values()]
        cls.crates = components.crates(packages, dist.TARGETS["arm64"])

    def test_bill_of_materials_has_shipped_crates_and_no_others(self):
        names = {crate.name for crate in self.crates}
        self.assertLessEqual({"aws-sdk-s3", "lambda_runtime", "serde_json", "tokio"}, names)
        self.assertFalse({"serde_derive", "insta", "clap", "slacktrail-poller"} & names, "build, test, command, workspace")

    def test_bill_of_materials_is_valid_cyclonedx(self):
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        document = components.bill_of_materials("slacktrail-0.1.0-arm64", "0.1.0", self.crates)
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(document.decode()))
        self.assertEqual(document, components.bill_of_materials("slacktrail-0.1.0-arm64", "0.1.0", self.crates))

    def test_licenses_name_every_crate(self):
        text = components.licenses(self.crates).decode()
        for crate in self.crates:
            self.assertIn(f"{crate.name} {crate.version} (", text)

    def test_missing_standard_library_is_reported_with_a_hint(self):
        with tempfile.TemporaryDirectory() as folder:
            rustc = Path(folder) / "rustc"
            rustc.write_text(f"#!/bin/sh\necho {folder}\n")
            rustc.chmod(0o755)
            path = f"{folder}{os.pathsep}{os.environ['PATH']}"
            command = [sys.executable, template.ROOT / "release/dist.py", "--output", folder, "--architectures", "arm64"]
            done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: Rust's standard library for arm64 is not installed", done.stderr)
        self.assertIn("`make dist ARCHITECTURES=x86_64`", done.stderr)


@unittest.skipUnless(ARCHIVE, "SLACKTRAIL_ARCHIVE names no archive; `make deployed` builds one")
class Deployment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.account = cls.enterClassContext(running_account())
        cls.folder = archive.unpack(Path(ARCHIVE), Path(cls.enterClassContext(tempfile.TemporaryDirectory())))
        cls.printed = sam_deploy(cls.account, cls.folder)

    def test_guided_deployment_creates_every_resource(self):
        architecture = self.folder.name.rpartition("-")[2]
        self.account.require(template.resolved(AlarmEmail="a@example.com")["Resources"])
        for name in FUNCTIONS:
            made = self.account.client("lambda").get_function(FunctionName=self.account.resources()[name])
            self.assertEqual(made["Configuration"]["Architectures"], [architecture])
        self.assertIn("Successfully created/updated stack - slacktrail", self.printed)

    def test_uploaded_code_is_the_archives(self):
        s3 = self.account.client("s3")
        (bucket,) = [it["Name"] for it in s3.list_buckets()["Buckets"] if "samclisourcebucket" in it["Name"]]
        uploaded = {it["Key"] for it in s3.list_objects_v2(Bucket=bucket)["Contents"]}
        sums = {hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest() for key in uploaded}
        for binary in FUNCTIONS.values():
            self.assertIn(hashlib.sha256((self.folder / f"{binary}.zip").read_bytes()).hexdigest(), sums)

    @unittest.skipUnless(BUILD, "SLACKTRAIL_BUILD names no folder of `sam build`")
    def test_sam_build_builds_the_same_functions(self):
        for name, binary in FUNCTIONS.items():
            with zipfile.ZipFile(self.folder / f"{binary}.zip") as opened:
                built = (Path(BUILD) / name / "bootstrap").read_bytes()
                self.assertEqual(hashlib.sha256(opened.read("bootstrap")).digest(), hashlib.sha256(built).digest(), name)

    def test_answers_are_kept_for_the_next_deployment(self):
        self.assertIn('AlarmEmail=\\"a@example.com\\"', (self.folder / "samconfig.toml").read_text())

    def test_questions_are_those_of_the_readme(self):
        readme = (template.ROOT / "README.md").read_text()
        self.assertEqual(self.printed.count("OAuth has no authentication. Is this okay?"), 3)
        self.assertIn("`OAuth has no authentication. Is this okay?`", readme)
        asked = re.findall(r"Parameter (\w+) \[", self.printed)
        self.assertEqual(asked, list(template.written()["Parameters"]))

    def test_sums_are_those_of_the_archives(self):
        lines = (Path(ARCHIVE).parent / "SHA256SUMS").read_text().splitlines()
        self.assertIn(f"{hashlib.sha256(Path(ARCHIVE).read_bytes()).hexdigest()}  {Path(ARCHIVE).name}", lines)

    @unittest.skipUnless(AGAIN, "SLACKTRAIL_ARCHIVE_AGAIN names no second archive")
    def test_second_build_has_the_same_bytes(self):
        one, other = Path(ARCHIVE).read_bytes(), Path(AGAIN).read_bytes()
        self.assertEqual(contents(one), contents(other), "the file whose sum differs depends on the folder or the time of the build")
        self.assertEqual(one, other)


def contents(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {it.name: hashlib.sha256(opened.extractfile(it).read()).hexdigest() for it in opened}


def sam_deploy(account: Account, folder: Path) -> str:
    """Deploys an unpacked archive as README says, and returns what SAM printed. Enter for all but the address and the three routes."""
    parameters = template.written()["Parameters"]
    answers = ["", "", *("a@example.com" if name == "AlarmEmail" else "" for name in parameters)]
    answers += ["", "", "", "y", "y", "y", "", "", "", "y"]  # confirm, roles, rollback; routes; save, file, environment; deploy
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": account.endpoint,
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",  # neither Rust nor zig
        "SAM_CLI_TELEMETRY": "0",
    }
    sam = Path(sys.executable).with_name("sam")
    command = [sam, "deploy", "--guided", "--template-file", "template.yaml"]
    text = "".join(f"{answer}\n" for answer in answers)
    done = subprocess.run(command, cwd=folder, env=environment, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"`sam deploy` failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    unittest.main()
