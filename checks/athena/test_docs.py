"""docs/athena.md against athena/."""

import json
import re
import unittest
from pathlib import Path

import sources

DOCS = (sources.ROOT / "docs" / "athena.md").read_text()


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def table_under(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, its own heading first."""
    lines = DOCS.split(f"## {heading}\n")[1].split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith("|"))
    last = next(index for index in range(first, len(lines)) if not lines[index].startswith("|"))
    return [cells(line) for line in lines[first:last] if not line.startswith("|---")]


class Docs(unittest.TestCase):
    def test_every_query_is_listed_by_its_title_and_no_other_is(self):
        self.assertEqual(
            {row[0] for row in table_under("Saved queries")[1:]}, {each.title for each in sources.queries()}
        )

    def test_every_table_and_view_is_listed(self):
        listed = [row[:2] for row in table_under("Tables and views")[1:]]
        self.assertEqual({table for table, _ in listed}, {each.name for each in sources.tables()})
        self.assertEqual({view for _, view in listed}, {each.name for each in sources.views()})

    def test_the_rows_of_the_first_query_are_the_ones_that_it_gives(self):
        names, *rows = table_under("The first query")
        expected = json.loads((Path(__file__).parent / "expected" / "who_did_what_today.json").read_text())
        self.assertEqual(rows, [[str(row[name] or "") for name in names] for row in expected])

    def test_the_columns_that_are_named_exist(self):
        columns = set(re.findall(r"\b\w+\b", " ".join(view.query for view in sources.views())))
        named = re.findall(r"`((?:actor|entity|event|session)_\w+)`", DOCS)
        self.assertTrue(named)
        self.assertEqual(set(named) - columns, set())


if __name__ == "__main__":
    unittest.main()
