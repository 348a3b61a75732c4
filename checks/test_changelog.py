"""Checks that CHANGELOG.md follows Keep a Changelog."""

import datetime
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHANGES = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


class Changelog(unittest.TestCase):
    def setUp(self):
        self.text = (ROOT / "CHANGELOG.md").read_text()
        self.versions = re.findall(r"(?m)^## (.+)$", self.text)

    def test_unreleased_changes_come_first_then_dated_versions(self):
        self.assertEqual(self.versions[0], "[Unreleased]")
        released = []
        for heading in self.versions[1:]:
            number, date = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", heading).groups()
            released.append((tuple(int(part) for part in number.split(".")), datetime.date.fromisoformat(date)))
        self.assertEqual(released, sorted(released, reverse=True))

    def test_changes_are_grouped_by_kind_in_order(self):
        for section in re.split(r"(?m)^## ", self.text)[1:]:
            kinds = re.findall(r"(?m)^### (.+)$", section)
            self.assertEqual(kinds, [kind for kind in CHANGES if kind in kinds])
            self.assertIsNone(re.search(r"(?m)^- ", section.split("### ")[0]), "each change belongs to a kind")


if __name__ == "__main__":
    unittest.main()
