"""Compares docs/athena.md and the queries in README.md with athena/."""

import json
import re
import tempfile
import unittest
from pathlib import Path

from sqlglot import exp

import archive
import duck
import samples
import sources

DOCS = (sources.ROOT / "docs" / "athena.md").read_text()
README = (sources.ROOT / "README.md").read_text()


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def query_under(heading: str, document: str) -> str:
    """Returns the first indented block under a heading."""
    return re.search(r"(?:^    .+\n)+", document.split(f"## {heading}\n")[1], re.MULTILINE)[0]


def table_under(heading: str, document: str = DOCS) -> list[list[str]]:
    """Returns the rows of the first table under a heading, starting with the header row."""
    return first_table(document.split(f"## {heading}\n")[1])


def first_table(document: str) -> list[list[str]]:
    lines = document.split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith("|"))
    last = next(index for index in range(first, len(lines)) if not lines[index].startswith("|"))
    return [cells(line) for line in lines[first:last] if not line.startswith("|---")]


def as_text(rows: list[dict], names: list[str]) -> list[list[str]]:
    """Returns rows in the form of a table in a document."""
    return [[str(row[name] or "") for name in names] for row in rows]


def keys_of_details(column: exp.Expression, inner: dict[str, exp.Expression]) -> set[str]:
    """Returns the keys of details that a view's column reads, directly or through a column of a subquery."""
    keys = set(re.findall(r"\b(?:opened|part), '\$\.(\w+)", column.sql(sources.DIALECT)))
    names = {part.name for part in column.find_all(exp.Column)}
    return keys.union(*(keys_of_details(inner[name], inner) for name in names & set(inner)))


class Docs(unittest.TestCase):
    def test_docs_list_exactly_all_queries_by_title(self):
        self.assertEqual(
            {row[0] for row in table_under("Saved queries")[1:]}, {each.title for each in sources.queries()}
        )

    def test_docs_list_every_table_and_view(self):
        listed = [row[:2] for row in table_under("Tables and views")[1:]]
        self.assertEqual({table for table, _ in listed}, {each.name for each in sources.tables()})
        self.assertEqual({view for _, view in listed}, {each.name for each in sources.views()})

    def test_rows_shown_for_first_query_are_its_result(self):
        names, *rows = table_under("The first query")
        expected = json.loads((Path(__file__).parent / "expected" / "who_did_what_today.json").read_text())
        self.assertEqual(rows, as_text(expected, names))

    def test_first_query_in_docs_matches_readme(self):
        self.assertEqual(query_under("The first query", DOCS), query_under("Query the logs", README))  # the class Readme runs it

    def test_docs_list_details_columns_with_their_source_keys(self):
        view = next(view for view in sources.views() if view.name == "audit_events")
        outer, *inner = sources.parse(view.query).find_all(exp.Select)
        columns = {column.alias: column for select in inner for column in select.expressions if column.alias}
        opened = {column.alias: keys_of_details(column, columns) for column in outer.expressions}
        opened = {name: keys for name, keys in opened.items() if keys}
        listed = {
            name: set(re.findall(r"`?(\w+)`?", re.sub(r"\(.*?\)", "", keys))) - {"else", "and"}
            for name, keys, *_ in table_under("Columns from `details`")[1:]
        }
        self.assertEqual(listed, opened)

    def test_docs_list_findings_of_query(self):
        query = next(query for query in sources.queries() if query.name == "findings")
        rules = sources.parse(query.text).find(exp.Values).expressions
        searched = []
        for rule in rules:
            severity, category, finding, _, actions = rule.expressions
            searched.append([category.name, severity.name, finding.name, [one.name for one in actions.expressions]])
        listed = [[*row[:3], re.findall(r"[\w.]+", row[3])] for row in table_under("Findings")[1:]]
        self.assertEqual(listed, searched)

    def test_columns_named_in_docs_exist(self):
        columns = set(re.findall(r"\b\w+\b", " ".join(view.query for view in sources.views())))
        named = re.findall(r"`((?:actor|entity|event|session)_\w+)`", DOCS)
        self.assertTrue(named)
        self.assertEqual(set(named) - columns, set())


class Readme(unittest.TestCase):
    def test_readme_query_returns_rows_shown_below_it(self):
        names, *rows = table_under("Query the logs", README)
        with tempfile.TemporaryDirectory() as name:
            archive.collect_samples(Path(name))
            found = duck.run(duck.database(Path(name)), query_under("Query the logs", README), samples.TODAY)
        self.assertEqual(list(found[0]), names)
        self.assertEqual(as_text(found, names), rows)


if __name__ == "__main__":
    unittest.main()
