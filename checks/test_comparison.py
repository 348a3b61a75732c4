"""Checks that the documents have the results of the last comparison, and that these are of the days of the judge."""

import json
import os
import subprocess
import unittest
from pathlib import Path

import comparison

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", comparison.ROOT / "target"))


def days_of_judge() -> list[dict]:
    """Returns the log, the name and the description of each day that `slack-simulator judge` plays."""
    simulator = TARGET / "debug/slack-simulator"
    if not simulator.exists():
        raise FileNotFoundError(f"{simulator} is not built\nhint: run `cargo build --workspace --bins`")
    listed = subprocess.run([simulator, "judge", "--list", "--json"], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)["days"]


def days_of(results: dict) -> list[dict]:
    """Returns the days of results as the judge lists them."""
    return [{key: day[key] for key in ("log", "day", "about")} for day in results["days"]]


class Documents(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.results = json.loads(comparison.RESULTS.read_text())

    def test_documents_match_stored_results(self):
        for file, text in comparison.documents(self.results, comparison.README.read_text()).items():
            self.assertEqual(file.read_text(), text, f"{file}: run `python3 checks/comparison.py write`")

    def test_results_have_every_day_of_judge_and_no_other(self):
        self.assertEqual(days_of(self.results), days_of_judge(), "run `make compare`, or rename the day in checks/comparison.json")

    def test_readme_days_are_at_most_ten_and_exist(self):
        names = {day["day"] for day in self.results["days"] if day["log"] == "audit"}
        self.assertLessEqual(len(comparison.README_DAYS), 10)
        self.assertLessEqual(set(comparison.README_DAYS), names)

    def test_every_result_is_of_described_collector(self):
        described = {comparison.description(name)["name"] for name in comparison.COLLECTORS}
        for day in self.results["days"]:
            self.assertLessEqual(set(day["cells"]), described)

    def test_slacktrail_passes_every_day(self):
        for day in self.results["days"]:
            for name in ("slacktrail", "slacktrail pull"):
                self.assertEqual(day["cells"][name], "ok", f"{name} on {day['log']}/{day['day']}")

    def test_documents_define_ok_in_same_words(self):
        for file in (comparison.README, comparison.DOCUMENT, comparison.DOCUMENT.with_name("judge.md")):
            self.assertIn(comparison.OK, " ".join(file.read_text().split()), file.name)


if __name__ == "__main__":
    unittest.main()
