"""docs/operations.md has a row for every error code that slacktrail can tell of, so that nobody looks one up in vain."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# How the code names one: after the remedy, or as what is said of a missing thing.
PATTERNS = [
    re.compile(r'Remedy::\w+,\s*(?://[^\n]*\n\s*)?"([a-z][a-z0-9_]+)"'),
    re.compile(r'missing_code: "([a-z][a-z0-9_]+)"'),
]
# Slack's own codes of the one table that says what each means.
SLACK_CODE = re.compile(r'"([a-z][a-z0-9_]+)"')


def codes_of_ours():
    """Every code of our own in the sources, without their tests."""
    codes = set()
    for path in [*ROOT.glob("shared/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs"), *ROOT.glob("cli/src/**/*.rs")]:
        text = path.read_text().split("#[cfg(test)]")[0]
        codes.update(code for pattern in PATTERNS for code in pattern.findall(text))
    return codes


def codes_of_slack():
    """Every code that `slack/error.rs` knows."""
    text = (ROOT / "shared/src/slack/error.rs").read_text()
    return set(SLACK_CODE.findall(text.split("match code {")[1].split("_ => {")[0]))


class Operations(unittest.TestCase):
    def test_every_code_has_its_row(self):
        named = set(re.findall(r"`([a-z][a-z0-9_]+)`", (ROOT / "docs/operations.md").read_text()))
        self.assertGreater(len(codes_of_ours()), 30, "the patterns find the codes")
        self.assertGreater(len(codes_of_slack()), 50, "the pattern finds Slack's codes")
        self.assertEqual(sorted((codes_of_ours() | codes_of_slack()) - named), [])


if __name__ == "__main__":
    unittest.main()
