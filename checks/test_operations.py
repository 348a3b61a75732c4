"""Checks that docs/operations.md lists every state and error code, and that its numbers are those of the code."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Matches an error code in the sources: of a new error, or of a missing resource.
USED = re.compile(r'(?:Error::(?:slack|deployment)\(|missing_code:)\s*"([a-z][a-z0-9_]+)"')
CODE = re.compile(r'"([a-z][a-z0-9_]+)"')
# Matches a row of `codes.rs`: its codes, or the start of them, and its kind.
HINT = re.compile(r'((?:"[a-z0-9_]+"[\s|)]*)+)=>[\s{(]*(Retry|Reauthorize|Reconfigure|Investigate),')
# The sections of docs/operations.md whose tables have a column with the kind, and the tables of `codes.rs` with their codes.
KIND_SECTIONS = {
    "Slack errors": ["of_slack"],
    "Transport errors": ["of_calls", "of_deployment"],
    "AWS errors": ["of_deployment", "of_calls"],
    "Archive errors": ["of_deployment", "of_calls"],
}
# States rather than errors of a call, so their rows have no kind.
WITHOUT_KIND = {"poller_not_running", "silent_stream"}


def sources():
    """Returns the sources without their tests, and without the table of the codes."""
    paths = [*ROOT.glob("shared/*/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs"), *ROOT.glob("cli/src/**/*.rs")]
    texts = [path.read_text() for path in paths if path.name not in ("tests.rs", "codes.rs")]
    return "\n".join(text.split("#[cfg(test)]\nmod tests {")[0] for text in texts)


def text_of(table):
    """Returns the text of a table in `codes.rs`."""
    text = (ROOT / "shared/errors/src/codes.rs").read_text()
    return text.split(f"fn {table}(")[1].split("_ => return None")[0]


def codes_in(table):
    """Returns the error codes of a table in `codes.rs`."""
    return set(CODE.findall(text_of(table)))


def kinds_in(table):
    """Returns the kind of each error code of a table in `codes.rs`, as the documents spell it."""
    return {code: kind.lower() for codes, kind in HINT.findall(text_of(table)) for code in CODE.findall(codes)}


def section_of(document, heading):
    """Returns a section of a document, up to the next heading of the same or a higher level."""
    level, section = re.split(rf"^(#+) {re.escape(heading)}$", (ROOT / document).read_text(), flags=re.MULTILINE)[1:]
    return re.split(rf"^#{{1,{len(level)}}} ", section, flags=re.MULTILINE)[0]


class Operations(unittest.TestCase):
    def test_every_error_code_has_hint_and_row(self):
        slack, own = codes_in("of_slack"), codes_in("of_calls") | codes_in("of_deployment")
        used = set(USED.findall(sources()))
        self.assertGreater(len(slack), 50, "the pattern must match Slack's codes")
        self.assertGreater(len(used), 30, "the pattern must match the codes of errors")
        self.assertEqual(sorted(used - slack - own), [], "codes without a hint")
        named = set(re.findall(r"`([a-z][a-z0-9_]+)`", (ROOT / "docs/operations.md").read_text()))
        self.assertEqual(sorted((slack | own) - named), [], "codes without a row in the docs")

    def test_kind_of_every_documented_code_matches_hints(self):
        for table in ["of_slack", "of_calls", "of_deployment"]:
            self.assertEqual(set(kinds_in(table)), codes_in(table), "the pattern must match every row")
        (unknown,) = re.findall(r"const UNKNOWN: Row = \((\w+),", (ROOT / "shared/errors/src/codes.rs").read_text())
        without_kind = set()
        for heading, tables in KIND_SECTIONS.items():
            kinds = {"unknown_error": unknown.lower()} | {code: kind for table in tables for code, kind in kinds_in(table).items()}
            rows = re.findall(r"^\| (`[^|]+) \| (\S+) \|", section_of("docs/operations.md", heading), re.MULTILINE)
            self.assertGreater(len(rows), 5, heading)
            for cell, kind in rows:
                for code in re.findall(r"`([a-z0-9_]+)`", cell):
                    with self.subTest(f"{heading}: {code}"):
                        if kind == "-":
                            without_kind.add(code)
                        else:
                            self.assertEqual(kind, f"`{kinds[code]}`")
        self.assertEqual(without_kind, WITHOUT_KIND)

    def test_every_hint_is_of_code_in_use(self):
        literals = set(CODE.findall(sources()))
        own = codes_in("of_calls") | codes_in("of_deployment")
        self.assertEqual(sorted(code for code in own - literals if not code.startswith("http_")), [])

    def test_every_state_has_row_and_heading(self):
        states = re.findall(r'State::\w+ => "(\w+)",', (ROOT / "shared/core/src/health/state.rs").read_text())
        self.assertEqual(states[0], "ok", "the pattern must match the states")
        section = section_of("docs/operations.md", "States")
        self.assertEqual(re.findall(r"^### (.+)$", section, re.MULTILINE), states)
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE), states)

    def test_sources_per_shard_match_code(self):
        (most,) = re.findall(r"SOURCES_MAX: usize = (\d+);", (ROOT / "shared/ports/src/shard.rs").read_text())
        for document, heading, phrases in [
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
            for phrase in phrases:
                self.assertIn(phrase.format(most), section_of(document, heading))


if __name__ == "__main__":
    unittest.main()
