"""Checks that the names in the documents exist: tests, error codes, actions."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ["athena", "checks", "cli", "functions", "shared", "simulator", "tests"]
KINDS = ["py", "rs", "sql", "txt"]
WORD = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+){3,}")
QUOTED = re.compile(rf"`({WORD.pattern})`")


class Named(unittest.TestCase):
    def test_names_cited_in_documents_exist_in_sources(self):
        sources = [path for folder in FOLDERS for kind in KINDS for path in (ROOT / folder).rglob(f"*.{kind}")]
        known = {name for path in sources for name in WORD.findall(path.read_text())}
        documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
        for document in documents:
            with self.subTest(document.name):
                self.assertEqual(set(QUOTED.findall(document.read_text())) - known, set())


if __name__ == "__main__":
    unittest.main()
