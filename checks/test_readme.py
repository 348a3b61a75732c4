"""Checks that what readers of the documents type exists: make targets, SAM commands and options, files and folders."""

import functools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from samcli.lib.config.samconfig import SamConfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "release"))
import dist  # noqa: E402

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]

# The format that shared/adapters/src/settings.rs accepts, and a part of its error message for other values.
FORMS = {
    "BUCKET_NAME": (r"[a-z0-9.-]{3,63}", "use 3 to 63 lowercase letters, digits, `-` and `.`"),
    "TABLE_NAME": (r"[A-Za-z0-9._-]{3,255}", "use 3 to 255 letters, digits, `-`, `_` and `.`"),
    "SECRET_PREFIX": (r"[A-Za-z0-9/_+=.@-]{0,448}", "use at most 448 letters, digits and `/_+=.@-`"),
}


def text_of_all():
    """Returns the text of all documents."""
    return "\n".join(path.read_text() for path in DOCUMENTS)


def sam_commands():
    """Returns the arguments of each `sam` command in an indented block of the documents."""
    lines = re.findall(r"^ {4,}(sam .+)$", text_of_all(), re.MULTILINE)
    return [shlex.split(command, comments=True)[1:] for line in lines for command in line.split("&&")]


@functools.cache
def help_of_sam(*command):
    """Returns the help of a SAM command. An unknown command is an error."""
    sam = pathlib.Path(sys.executable).with_name("sam")
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run([sam, *command, "--help"], env=environment, capture_output=True, text=True, check=True).stdout


def anchors(path):
    """Returns the anchors that GitHub generates for a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section_of_tools(readme):
    """Returns the section of README.md with the tools to install."""
    return readme.split("### From source\n")[1].split("\n### ")[0]


def version():
    """Returns the version in Cargo.toml."""
    (found,) = re.findall(r'(?m)^version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())
    return found


def is_function(name):
    """Returns `True` if the template has a function with this name."""
    return f"\n  {name}:\n    Type: AWS::Serverless::Function" in (ROOT / "template.yaml").read_text()


class Documents(unittest.TestCase):
    def test_every_make_target_in_documents_exists(self):
        targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        used = set(re.findall(r"(?:^    |`)make ([a-z][a-z0-9-]*)", text_of_all(), re.MULTILINE))
        self.assertIn("demo", used)
        self.assertEqual(sorted(used - targets), [])

    def test_sam_commands_and_options_in_documents_exist(self):
        for words in sam_commands():
            options = [word for word in words if word.startswith("--")]
            command = words[: words.index(options[0])] if options else words
            command = [word for word in command if word.islower()]  # capitalized words are function names
            with self.subTest(" ".join(words)):
                offered = help_of_sam(*command)
                self.assertEqual([option for option in options if not re.search(rf"{option}\b", offered)], [])

    def test_functions_and_files_in_sam_commands_exist(self):
        words = {word for words in sam_commands() for word in words}
        self.assertLessEqual({"Poller", "OAuth", "events/rule.json"}, words)
        for word in words:
            if word.endswith(".json"):
                self.assertTrue((ROOT / word).is_file(), word)
            elif re.fullmatch(r"[A-Z]\w*[a-z]", word):
                self.assertTrue(is_function(word), word)

    def test_sam_environment_names_functions_of_template(self):
        for name in json.loads((ROOT / "events" / "env.json").read_text()):
            self.assertTrue(is_function(name), name)

    def test_sam_environment_values_are_accepted_by_functions(self):
        settings = (ROOT / "shared/adapters/src/settings.rs").read_text()
        for variables in json.loads((ROOT / "events" / "env.json").read_text()).values():
            for name, value in variables.items():
                with self.subTest(name):
                    pattern, error_text = FORMS[name]
                    self.assertIn(error_text, settings)
                    self.assertRegex(value, rf"\A{pattern}\Z")

    def test_readme_installs_tools_that_checks_use(self):
        readme = (ROOT / "README.md").read_text()
        pinned = "".join((ROOT / name).read_text() for name in ["requirements.txt", "release/requirements.txt"])
        (installed,) = re.findall(r"^    pip install (.+)$", readme, re.MULTILINE)
        for tool in installed.split():
            self.assertRegex(pinned, rf"(?m)^{re.escape(tool)}\s")
        rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section_of_tools(readme), re.MULTILINE))
        for row, package in {"SAM CLI": "aws-sam-cli", "cargo-lambda": "cargo-lambda", "zig": "ziglang"}.items():
            self.assertIn(f"{package}=={rows[row]}", installed.split())
        (least,) = re.findall(r'(?m)^rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())
        (channel,) = re.findall(r'(?m)^channel = "(.+?)"', (ROOT / "rust-toolchain.toml").read_text())
        self.assertEqual(rows["Rust"], f"{channel}, at least {least}")

        (python,) = re.findall(r"sys\.version_info >= \((\d+), (\d+)\)", (ROOT / "Makefile").read_text())
        self.assertEqual(rows["Python with `venv`"], f"{'.'.join(python)}, not older")

    def test_tools_are_installed_into_active_environment(self):
        lines = re.findall(r"(?m)^    (python3 -m venv .+|source .+)$", (ROOT / "README.md").read_text())
        self.assertEqual(len(lines), 2)
        with tempfile.TemporaryDirectory() as home:
            python = pathlib.Path(sys.executable).parent
            environment = {"HOME": home, "PATH": f"{python}:/usr/bin:/bin"}
            command = ["bash", "-ec", "\n".join([*lines, "pip --version"])]
            done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=True)
        self.assertIn(f" from {home}/slacktrail-tools/", done.stdout)

    def test_readme_names_archive_of_this_version(self):
        named = set(re.findall(r"slacktrail-([\d.]+\d)-", (ROOT / "README.md").read_text()))
        self.assertEqual(named, {version()})

    def test_tag_of_fork_starts_release_of_this_version(self):
        tags = re.findall(r"(?m)^    git (?:tag|push origin) (.+)$", (ROOT / "README.md").read_text())
        self.assertEqual(tags, [f"v{version()}"] * 2)
        release = (ROOT / ".github/workflows/release.yml").read_text()
        self.assertIn('  push:\n    tags: ["v*"]\n', release)
        self.assertIn('grep -Fx "version = \\"${GITHUB_REF_NAME#v}\\"" Cargo.toml', release)

    def test_rust_target_matches_archive(self):
        readme = (ROOT / "README.md").read_text()
        (target,) = re.findall(r"(?m)^    rustup target add (.+)$", readme)
        (architecture,) = re.findall(r"(?m)^    make dist ARCHITECTURES=(.+)$", readme)
        self.assertEqual(target, dist.TARGETS[architecture])
        self.assertIn(f"    cd slacktrail-{version()}-{architecture}\n", readme)

    def test_archives_are_in_folder_that_readme_enters(self):
        (folder,) = re.findall(r"(?m)^DIST \?= (.+)$", (ROOT / "Makefile").read_text())
        self.assertIn(f"    make dist ARCHITECTURES=arm64\n    cd {folder}\n", (ROOT / "README.md").read_text())

    def test_archives_contain_queries_for_duckdb(self):
        self.assertIn("duckdb/init.sql", dist.documents())

    def test_user_settings_are_copy_that_git_ignores(self):
        self.assertIn("    cp samconfig.toml deploy.toml\n", (ROOT / "README.md").read_text())
        self.assertIn("/deploy.toml", (ROOT / ".gitignore").read_text().splitlines())
        for words in sam_commands():
            if words[0] in ("build", "deploy"):
                self.assertTrue({"--config-file", "--template-file"} & set(words), f"{words} would use samconfig.toml")

    def test_sam_builds_and_deploys_for_one_architecture(self):
        settings = SamConfig(ROOT, "samconfig.toml")
        built, deployed = (settings.get_all([command], "parameters")["parameter_overrides"] for command in ["build", "deploy"])
        self.assertEqual((built, deployed), (["Architecture=arm64"], ["Architecture=arm64"]))

    def test_every_link_resolves(self):
        for path in DOCUMENTS:
            for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text()):
                with self.subTest(f"{path.name}: {file}#{anchor}"):
                    target = path.parent / file if file else path
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_every_row_of_folder_table_exists(self):
        for cell in re.findall(r"^\| (`[^|]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE):
            for name in re.findall(r"`([a-z./]+/|template\.yaml)`", cell):
                self.assertTrue((ROOT / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
