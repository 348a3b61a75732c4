"""Checks that the documents have the results of the last comparison, and that these are of the days of the judge."""

import json
import re
import unittest

import comparison


class Documents(unittest.TestCase):
    def setUp(self):
        self.results = json.loads(comparison.RESULTS.read_text())

    def test_documents_are_written_from_the_stored_results(self):
        for file, text in comparison.documents(self.results, comparison.README.read_text()).items():
            self.assertEqual(file.read_text(), text, f"{file}: run `python3 checks/comparison.py write`")

    def test_results_have_every_day_of_the_judge(self):
        source = (comparison.ROOT / "simulator/src/judge/days.rs").read_text()
        named = {name for name in re.findall(r'\bday\(\s*"([^"]+)"', source)}
        self.assertLessEqual(named, {day["day"] for day in self.results["days"]})

    def test_readme_has_at_most_ten_days_of_the_results(self):
        names = {day["day"] for day in self.results["days"] if day["log"] == "audit"}
        self.assertLessEqual(len(comparison.README_DAYS), 10)
        self.assertLessEqual(set(comparison.README_DAYS), names)

    def test_slacktrail_passes_every_day(self):
        for day in self.results["days"]:
            for name in ("slacktrail", "slacktrail pull"):
                self.assertEqual(day["cells"][name], "ok", f"{name} on {day['log']}/{day['day']}")


if __name__ == "__main__":
    unittest.main()
