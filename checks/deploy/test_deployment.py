"""Tests deployments to an emulated account with the commands from README.md: from a release archive, and from source.

`make test-deployed` builds both and sets SLACKTRAIL_ARCHIVE and SLACKTRAIL_SOURCE. Without these variables, the tests are skipped.
"""

import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

import template
from deploy import REGION, Account
from test_stack import running_account

sys.path.insert(0, str(template.ROOT / "release"))
import check  # noqa: E402
from package import FUNCTIONS  # noqa: E402

ARCHIVE = os.environ.get("SLACKTRAIL_ARCHIVE")
# The same archive, built from a copy of the source in another folder.
AGAIN = os.environ.get("SLACKTRAIL_ARCHIVE_AGAIN")
# A copy of the source that contains the output of `sam build`.
SOURCE = os.environ.get("SLACKTRAIL_SOURCE")
README = (template.ROOT / "README.md").read_text()
ADDRESS = "you@example.com"


@unittest.skipUnless(ARCHIVE, "SLACKTRAIL_ARCHIVE is not set; run `make test-deployed`")
class FromArchive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.account = cls.enterClassContext(running_account())
        cls.home = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        *uses, deploys = from_archive()
        cls.folder = use_archives(cls.home, uses)
        # Press Enter for all questions except the address, the three routes and the deployment.
        answers = ["", "", *(ADDRESS if name == "AlarmEmail" else "" for name in template.written()["Parameters"])]
        answers += ["", "", "", "y", "y", "y", "", "", "", "y"]  # confirm, roles, rollback; routes; save, file, environment; deploy
        cls.printed = sam(cls.account, cls.folder, answers, deploys)

    @unittest.skipUnless(SOURCE, "only `make test-deployed` also packages the command")
    def test_installed_command_runs(self):
        command, environment = ["slacktrail", "--version"], {"PATH": f"{self.home}/.local/bin"}
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        self.assertEqual(shown, f"slacktrail {Path(ARCHIVE).name.split('-')[1]}\n")

    def test_guided_deployment_creates_every_resource(self):
        self.account.require(template.resolved(AlarmEmail=ADDRESS)["Resources"])
        for name in FUNCTIONS:
            made = self.account.client("lambda").get_function(FunctionName=self.account.resources()[name])
            self.assertEqual(made["Configuration"]["Architectures"], [self.folder.name.rpartition("-")[2]])
        self.assertIn("Successfully created/updated stack - slacktrail", self.printed)

    def test_uploaded_code_matches_archive(self):
        s3 = self.account.client("s3")
        (bucket,) = [it["Name"] for it in s3.list_buckets()["Buckets"] if "samclisourcebucket" in it["Name"]]
        uploaded = {it["Key"] for it in s3.list_objects_v2(Bucket=bucket)["Contents"]}
        sums = {hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest() for key in uploaded}
        for binary in FUNCTIONS.values():
            self.assertIn(hashlib.sha256((self.folder / f"{binary}.zip").read_bytes()).hexdigest(), sums)

    @unittest.skipUnless(SOURCE, "SLACKTRAIL_SOURCE is not set; run `make test-deployed`")
    def test_sam_build_builds_same_functions(self):
        for name, binary in FUNCTIONS.items():
            with zipfile.ZipFile(self.folder / f"{binary}.zip") as opened:
                built = (Path(SOURCE) / ".aws-sam/build" / name / "bootstrap").read_bytes()
                self.assertEqual(hashlib.sha256(opened.read("bootstrap")).digest(), hashlib.sha256(built).digest(), name)

    def test_answers_are_saved_for_next_deployment(self):
        self.assertIn(f'AlarmEmail=\\"{ADDRESS}\\"', (self.folder / "samconfig.toml").read_text())

    def test_sam_questions_match_readme(self):
        self.assertEqual(self.printed.count("OAuth has no authentication. Is this okay?"), 3)
        self.assertIn("`OAuth has no authentication. Is this okay?`", README)
        questions = re.findall(r"Parameter (\w+) \[", self.printed)
        self.assertEqual(questions, list(template.written()["Parameters"]))

    def test_sums_match_archives(self):
        lines = (Path(ARCHIVE).parent / "SHA256SUMS").read_text().splitlines()
        self.assertIn(f"{hashlib.sha256(Path(ARCHIVE).read_bytes()).hexdigest()}  {Path(ARCHIVE).name}", lines)

    @unittest.skipUnless(AGAIN, "SLACKTRAIL_ARCHIVE_AGAIN is not set; run `make reproducible`")
    def test_second_build_has_same_bytes(self):
        one, other = Path(ARCHIVE).read_bytes(), Path(AGAIN).read_bytes()
        self.assertEqual(contents(one), contents(other), "a file with a different hash depends on the folder or the time of the build")
        self.assertEqual(one, other)


@unittest.skipUnless(SOURCE, "SLACKTRAIL_SOURCE is not set; run `make test-deployed`")
class FromSource(unittest.TestCase):
    """Deployment from a clone: the settings are changed as in README.md, and `sam deploy` uses them and the output of `sam build`."""

    @classmethod
    def setUpClass(cls):
        cls.account = cls.enterClassContext(running_account())
        (deploys,) = re.findall(r"(?m)^    sam build .+ && (sam deploy .+)$", README)
        cls.printed = sam(cls.account, Path(SOURCE), ["y"], deploys)

    def test_deployment_creates_every_resource(self):
        self.account.require(template.resolved(AlarmEmail=ADDRESS)["Resources"])
        self.assertIn("Successfully created/updated stack - slacktrail", self.printed)

    def test_settings_change_as_readme_shows_and_reach_stack(self):
        built = check.processor((Path(SOURCE) / ".aws-sam/build/Poller/bootstrap").read_bytes())
        (shown,) = re.findall(r'`(\["Architecture=arm64", .*\])`', README)
        settings = (Path(SOURCE) / "deploy.toml").read_text()
        self.assertIn(f"\nparameter_overrides = {shown.replace('arm64', built)}\n", settings)
        for name in FUNCTIONS:
            made = self.account.client("lambda").get_function(FunctionName=self.account.resources()[name])
            self.assertEqual(made["Configuration"]["Architectures"], [built])
        (subscription,) = self.account.client("sns").list_subscriptions()["Subscriptions"]
        self.assertEqual(subscription["Endpoint"], ADDRESS)

    def test_only_question_is_whether_to_deploy(self):
        self.assertEqual(re.findall(r"(\S[^\n]*)\? \[y/N\]", self.printed), ["Deploy this changeset"])


def from_archive() -> list[str]:
    """Returns the commands for the archives in README.md, from the checksum check to `sam deploy`."""
    (block,) = re.findall(r"(?m)^    sha256sum .+\n(?:    .+\n)+", README)
    return [line.strip() for line in block.splitlines()]


def use_archives(home: Path, lines: list[str]) -> Path:
    """Runs the commands from README.md in a folder with the built archives, and returns the final working folder.

    Without `SOURCE`, the command was not packaged, so its lines are left out.
    """
    downloads = home / "downloads"
    downloads.mkdir()
    for file in Path(ARCHIVE).parent.iterdir():
        (downloads / file.name).symlink_to(file.resolve())
    script = "\n".join([*(line for line in lines if SOURCE or "-command-" not in line), "pwd -P"])
    # README.md uses the archive for arm64, and the command for Linux on x86_64.
    system, machine = check.this_machine()
    architecture = re.search(r"-(arm64|x86_64)\.tar\.gz$", ARCHIVE)[1]
    script = re.sub(r"(slacktrail-[\d.]+)-arm64", rf"\1-{architecture}", script).replace("-linux-x86_64", f"-{system}-{machine}")
    if system == "macos":
        script = script.replace("sha256sum", "shasum -a 256")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-ec", script], cwd=downloads, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"a command from README.md failed:\n{script}\n{done.stdout}\n{done.stderr}")
    return Path(done.stdout.splitlines()[-1])


def contents(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {it.name: hashlib.sha256(opened.extractfile(it).read()).hexdigest() for it in opened}


def sam(account: Account, folder: Path, answers: list[str], command: str) -> str:
    """Runs a SAM command in a folder with these answers, without Rust and zig, and returns its output."""
    program = Path(sys.executable).with_name("sam")
    arguments = shlex.split(command)[1:]
    text = "".join(f"{answer}\n" for answer in answers)
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": account.endpoint,
            "HOME": home,
            "PATH": "/usr/bin:/bin",
            "SAM_CLI_TELEMETRY": "0",
        }
        done = subprocess.run(
            [program, *arguments], cwd=folder, env=environment, input=text, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise AssertionError(f"`{command}` failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    unittest.main()
