"""Runs duckdb/init.sql, and the commands of docs/operations.md for a directory, over what `slacktrail pull` wrote."""

import contextlib
import re
import shutil
import subprocess
import tempfile
import unittest
from datetime import date
from pathlib import Path

import archive
import duckdb
import laptop
import render
import samples
import sources
from test_queries import expected

DOCS = (sources.ROOT / "docs" / "operations.md").read_text()
SECTION = DOCS.split("### Directories\n")[1].split("\n### ")[0]


def initialized() -> duckdb.DuckDBPyConnection:
    """Returns a database after `duckdb -init` in the current directory."""
    connection = duckdb.connect()
    connection.execute(laptop.FILE.read_text())
    return connection


def rows(connection: duckdb.DuckDBPyConnection, statement: str) -> list[dict]:
    """Returns the rows of a query as JSON values."""
    cursor = connection.execute(statement)
    names = [description[0] for description in cursor.description]
    return [
        {name: value if isinstance(value, bool | int | None) else str(value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def call(query: sources.Query, today: date = samples.TODAY.date()) -> str:
    """Returns a statement that runs a query with the values of its SQL, by default on the last day of the samples."""
    who = "'ann@example.com', " if query.name == "actor_timeline" else ""
    return f"from {query.name}({who}today := '{today}')"


class OverTheSamples(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_samples(cls.directory)
        cls.enterClassContext(contextlib.chdir(cls.directory))
        cls.database = initialized()

    def test_each_macro_returns_rows_of_athena_query(self):
        for query in sources.queries():
            if query.name != "lateness":  # its rows depend on when the test collected the records
                with self.subTest(query.name):
                    self.assertEqual(rows(self.database, call(query)), expected(query.name))

    def test_new_address_of_today_is_found_in_one_step(self):
        statement = f"from logins_from_new_places(days := 0, today := '{samples.TODAY.date()}')"
        found = {(row["user_name"], row["kind"], row["place"]) for row in rows(self.database, statement)}
        self.assertIn(("ann", "network", "198.51.100.0/24"), found)
        wider = f"from logins_from_new_places(days := 30, today := '{samples.TODAY.date()}')"
        self.assertLess(len(found), len(rows(self.database, wider)))

    def test_parameters_change_result(self):
        other = "from actor_timeline('ben@example.com', days := 90, today := '2026-05-20')"
        self.assertNotEqual(rows(self.database, other), expected("actor_timeline"))
        self.assertEqual(rows(self.database, "from who_did_what_today(today := '1999-01-01')"), [])

    def test_query_reads_no_day_after_today(self):
        today = date(2026, 5, 18)
        with tempfile.TemporaryDirectory() as name:
            until_today = Path(name)
            for object in archive.objects(self.directory):
                if archive.KEY.fullmatch(object.key)["day"] <= today.strftime("%Y/%m/%d"):
                    target = until_today / object.key
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(object.path, target)
            with contextlib.chdir(until_today):
                database = initialized()
                as_of_today = {query.name: rows(database, call(query, today)) for query in sources.queries()}
        for query in sources.queries():
            with self.subTest(query.name):
                self.assertEqual(rows(self.database, call(query, today)), as_of_today[query.name])
                self.assertEqual(rows(self.database, call(query, date(1999, 1, 1))), [])

    def test_each_query_without_parameters_is_listed_view(self):
        listed = {row["query"] for row in rows(self.database, "from queries")}
        self.assertEqual(listed, {query.name for query in sources.queries()})
        for name in listed - {"actor_timeline"}:
            with self.subTest(name):
                rows(self.database, f"from {name}")

    def test_query_reads_objects_of_later_ticks(self):
        before = rows(self.database, "select count(*) as rows from audit")[0]["rows"]
        first = next(iter(archive.objects(self.directory, "audit")))
        later = first.path.with_name("other-000001.json.gz")
        shutil.copy(first.path, later)
        self.addCleanup(later.unlink)
        self.assertEqual(rows(self.database, "select count(*) as rows from audit")[0]["rows"], before + len(first.lines()))


class WithoutObjects(unittest.TestCase):
    def test_empty_log_breaks_no_view(self):
        for logs in (["audit"], ["access", "integration"], []):
            with tempfile.TemporaryDirectory() as name, self.subTest(logs):
                directory = Path(name)
                for log in logs:
                    target = directory / log / "2026/11/22/acme-000001.json.gz"
                    target.parent.mkdir(parents=True)
                    shutil.copy(sources.ROOT / f"shared/core/tests/golden/{log}.json.gz", target)
                with contextlib.chdir(directory):
                    database = initialized()
                    for query in sources.queries():
                        rows(database, call(query))
                    for table in sources.tables():
                        count = rows(database, f"select count(*) as rows from {table.name}_events")[0]["rows"]
                        self.assertEqual(count > 0, table.name in logs, table.name)


class OverTheSimulatedSlack(unittest.TestCase):
    """The commands that the documentation shows."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_simulated(cls.directory)

    def test_documented_queries_run(self):
        with contextlib.chdir(self.directory):
            database = initialized()
            shown = re.findall(r"""^    duckdb -init \S+ -c "(.+?)"(?: +#.*)?$""", SECTION, re.MULTILINE)
            self.assertGreaterEqual(len(shown), 4)
            for statement in shown:
                with self.subTest(statement):
                    rows(database, statement)
            self.assertGreater(len(rows(database, "from logins_from_new_places(days := 2)")), 5)

    @unittest.skipUnless(shutil.which("jq"), "jq is not installed")
    def test_documented_jq_commands_print_lines(self):
        shown = re.findall(r"^    (gzip -dc .+)$", SECTION, re.MULTILINE)
        self.assertGreaterEqual(len(shown), 3)
        for command in shown:
            with self.subTest(command):
                done = subprocess.run(["/bin/sh", "-c", command], cwd=self.directory, capture_output=True, text=True, check=True)
                self.assertEqual(done.stderr, "")
                self.assertGreater(len(done.stdout.splitlines()), 0)


class Current(unittest.TestCase):
    def test_init_sql_matches_athena_files(self):
        self.assertEqual(render.compare(laptop.FILE.read_text(), laptop.text(), laptop.FILE.name), "")

    def test_value_that_no_longer_occurs_is_error(self):
        query = next(query for query in sources.queries() if query.name == "anomalies")
        changed = sources.Query(query.name, query.title, query.description, query.text.replace("'30'", "'31'"))
        with self.assertRaisesRegex(ValueError, "has no value 30 for `days`"):
            laptop.query(changed)


if __name__ == "__main__":
    unittest.main()
