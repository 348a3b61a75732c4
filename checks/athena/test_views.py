"""Compares the columns of the views with expected values. They are a contract, because users' queries name them."""

import json
import tempfile
import unittest
from datetime import datetime
from pathlib import Path

from sqlglot import exp

import archive
import duck
import sources

EXPECTED = Path(__file__).parent / "expected" / "views"
# Replaces the only value that differs in each run.
WHEN_COLLECTED = "when it was collected"


def expected(view: str) -> dict:
    """Returns the columns of a view in order, and the non-NULL values of some of its rows."""
    return json.loads((EXPECTED / f"{view}.json").read_text())


def as_json(value):
    """Returns a value for JSON. SQL never formats a time like this, so a string is not mistaken for a timestamp."""
    return value.isoformat() if isinstance(value, datetime) else value


class Columns(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_samples(directory)
        cls.database = duck.database(directory)
        cls.records = {
            record["p_row_id"]: record for object in archive.objects(directory) for record in object.records()
        }

    def columns(self, view: str) -> list[str]:
        return [row[0] for row in self.database.execute(f"DESCRIBE {view}").fetchall()]

    def row(self, view: str, id: str) -> dict:
        """Returns the non-NULL values of a row."""
        cursor = self.database.execute(f"SELECT * FROM {view} WHERE p_row_id = ?", [id])
        names = [description[0] for description in cursor.description]
        [values] = cursor.fetchall()
        row = {name: as_json(value) for name, value in zip(names, values, strict=True) if value is not None}
        if row.get("p_parse_time") == as_json(datetime.fromisoformat(self.records[id]["p_parse_time"])):
            row["p_parse_time"] = WHEN_COLLECTED
        return row

    def test_expected_columns_exist_for_exactly_all_views(self):
        self.assertEqual({path.stem for path in EXPECTED.glob("*.json")}, {view.name for view in sources.views()})

    def test_view_has_expected_columns(self):
        for view in sources.views():
            with self.subTest(view.name):
                self.assertEqual(self.columns(view.name), expected(view.name)["columns"])

    def test_view_rows_have_expected_values(self):
        for view in sources.views():
            for row in expected(view.name)["rows"]:
                with self.subTest(view.name, id=row["p_row_id"]):
                    self.assertEqual(self.row(view.name, row["p_row_id"]), row)

    def test_every_view_column_has_value_in_expected_row(self):
        for view in sources.views():
            with self.subTest(view.name):
                rows = expected(view.name)["rows"]
                filled = set().union(*rows)
                self.assertEqual(filled, set(self.columns(view.name)), "a column that is always NULL is not tested")

    def test_queries_parse_no_json_because_views_do(self):
        for query in sources.queries():
            with self.subTest(query.name):
                self.assertIsNone(sources.parse(query.text).find(exp.JSONExtract, exp.JSONExtractScalar))


if __name__ == "__main__":
    unittest.main()
