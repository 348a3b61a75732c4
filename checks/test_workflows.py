"""Checks the workflows in .github: pinned actions, least privilege, timeouts, and existing commands. `make workflows` runs actionlint."""

import pathlib
import re
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def read(path: pathlib.Path) -> dict:
    return yaml.safe_load(path.read_text())


class Workflows(unittest.TestCase):
    def test_each_action_is_pinned_to_commit(self):
        for path in WORKFLOWS:
            for action, comment in re.findall(r"(?m)^ +(?:- )?uses: (\S+)(.*)$", path.read_text()):
                with self.subTest(action):
                    if not action.startswith("./"):
                        self.assertRegex(action, r"@[0-9a-f]{40}$")
                        self.assertRegex(comment, r"^ # v\d+\.\d+\.\d+$")

    def test_each_job_times_out_within_one_hour(self):
        for path in WORKFLOWS:
            for name, job in read(path)["jobs"].items():
                with self.subTest(f"{path.name}: {name}"):
                    self.assertTrue("uses" in job or job["timeout-minutes"] <= 60)

    def test_no_job_leaves_token_in_clone(self):
        for path in WORKFLOWS:
            for job in read(path)["jobs"].values():
                for step in job.get("steps", []):
                    if step.get("uses", "").startswith("actions/checkout@"):
                        self.assertIs(step["with"]["persist-credentials"], False, path.name)

    def test_only_publish_job_may_write(self):
        for path in WORKFLOWS:
            workflow = read(path)
            self.assertEqual(workflow["permissions"], {"contents": "read"}, path.name)
            writing = {name for name, job in workflow["jobs"].items() if "write" in job.get("permissions", {}).values()}
            self.assertLessEqual(writing, {"publish"}, path.name)

    def test_each_make_target_exists(self):
        targets = set(re.findall(r"(?m)^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text()))
        used = {name for path in WORKFLOWS for name in re.findall(r"run: make ([a-z0-9-]+)", path.read_text())}
        self.assertEqual(used, {"advisories", "arm64", "demo", "dist", "reproducible", "test"})
        self.assertLessEqual(used, targets)

    def test_release_covers_each_architecture_and_system(self):
        jobs = read(ROOT / ".github/workflows/release.yml")["jobs"]
        rows = jobs["archives"]["strategy"]["matrix"]["include"]
        built = [row["architectures"] for row in rows if row["architectures"]]
        self.assertCountEqual(built, ["arm64", "x86_64"])
        names = ["linux-arm64", "linux-x86_64", "macos-arm64", "macos-x86_64"]
        self.assertCountEqual([row["name"] for row in rows], names)
        self.assertEqual(set(jobs["publish"]["needs"]), {"test", "reproducible", "archives"})
        self.assertEqual(len(built) + len(names), 6, "the job `publish` expects this number of archives")

    def test_demo_and_installation_from_readme_run_on_macos(self):
        job = read(ROOT / ".github/workflows/test.yml")["jobs"]["command"]
        self.assertIn("macos-15", job["strategy"]["matrix"]["runner"])
        shown = re.findall(r"(?m)^    (make demo|cargo install .+)$", (ROOT / "README.md").read_text())
        self.assertEqual(len(shown), 2)
        self.assertLessEqual(set(shown), {step.get("run") for step in job["steps"]})

    def test_linux_command_needs_no_newer_glibc_than_readme_states(self):
        (required,) = re.findall(r"release/check\.py .* --glibc (\S+)", (ROOT / ".github/workflows/release.yml").read_text())
        self.assertIn(f"needs glibc {required} or newer", (ROOT / "README.md").read_text())


if __name__ == "__main__":
    unittest.main()
