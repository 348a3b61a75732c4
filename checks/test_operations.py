"""Checks that docs/operations.md lists every state and error code, and that its numbers are those of the code."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Matches an error code in the sources: after the kind, or as the code for a missing resource.
PATTERNS = [
    re.compile(r'ErrorKind::\w+,\s*(?://[^\n]*\n\s*)?"([a-z][a-z0-9_]+)"'),
    re.compile(r'missing_code: "([a-z][a-z0-9_]+)"'),
]
# Matches Slack's error codes in the table of their meanings.
SLACK_CODE = re.compile(r'"([a-z][a-z0-9_]+)"')


def codes_of_ours():
    """Returns slacktrail's error codes from the sources, without the tests."""
    codes = set()
    for path in [*ROOT.glob("shared/*/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs"), *ROOT.glob("cli/src/**/*.rs")]:
        text = "" if path.name == "tests.rs" else path.read_text().split("#[cfg(test)]")[0]
        codes.update(code for pattern in PATTERNS for code in pattern.findall(text))
    return codes


def codes_of_slack():
    """Returns Slack's error codes from `slack/error.rs`."""
    text = (ROOT / "shared/core/src/slack/error.rs").read_text()
    return set(SLACK_CODE.findall(text.split("match code {")[1].split("_ => return None")[0]))


def section_of(document, heading):
    """Returns a section of a document, up to the next heading of the same or a higher level."""
    level, section = re.split(rf"^(#+) {re.escape(heading)}$", (ROOT / document).read_text(), flags=re.MULTILINE)[1:]
    return re.split(rf"^#{{1,{len(level)}}} ", section, flags=re.MULTILINE)[0]


class Operations(unittest.TestCase):
    def test_every_error_code_has_row(self):
        named = set(re.findall(r"`([a-z][a-z0-9_]+)`", (ROOT / "docs/operations.md").read_text()))
        self.assertGreater(len(codes_of_ours()), 30, "the patterns must match the codes")
        self.assertGreater(len(codes_of_slack()), 50, "the pattern must match Slack's codes")
        self.assertEqual(sorted((codes_of_ours() | codes_of_slack()) - named), [])

    def test_every_state_has_row_and_heading(self):
        states = re.findall(r'State::\w+ => "(\w+)",', (ROOT / "shared/core/src/health/state.rs").read_text())
        self.assertEqual(states[0], "ok", "the pattern must match the states")
        section = section_of("docs/operations.md", "States")
        self.assertEqual(re.findall(r"^### (.+)$", section, re.MULTILINE), states)
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE), states)

    def test_sources_per_shard_match_code(self):
        (most,) = re.findall(r"SOURCES_MAX: usize = (\d+);", (ROOT / "shared/core/src/shard.rs").read_text())
        for document, heading, sayings in [
            (
                "docs/operations.md",
                "Many sources",
                ["up to {} sources (`SOURCES_MAX`)", "once for each {},", "per {} sources."],
            ),
            (
                "docs/design.md",
                "How are thousands of sources polled within a minute?",
                ["Up to {} sources are polled", "shards of {} and"],
            ),
        ]:
            for saying in sayings:
                self.assertIn(saying.format(most), section_of(document, heading))


if __name__ == "__main__":
    unittest.main()
