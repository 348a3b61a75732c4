"""Checks the SQL without running it."""

import re
import unittest
from pathlib import Path

import sqlglot
import trino_sql_validator
from sqlglot import exp

import sources

SCANNED = {table.name for table in sources.tables()} | {view.name for view in sources.views()}
# Matches the regular expressions that the queries apply to action names.
ACTION_PATTERN = re.compile(r"regexp_like\(action, '([^']+)'\)")


def every_file() -> list[Path]:
    return [path for folder in ("tables", "views", "queries") for path in sources.files(folder)]


def known_actions() -> set[str]:
    lines = (Path(__file__).parent / "actions.txt").read_text().splitlines()
    return {line for line in lines if not line.startswith("#")}


class Sql(unittest.TestCase):
    def test_every_statement_parses_as_athena_sql(self):
        for path in every_file():
            with self.subTest(path.name):
                sources.parse(path.read_text())

    def test_every_query_and_view_parses_as_trino_sql(self):
        for path in [path for folder in ("views", "queries") for path in sources.files(folder)]:
            statement = re.sub(r"--.*", "", path.read_text())
            with self.subTest(path.name):
                self.assertIsNone(trino_sql_validator.validate(statement).error)
                self.assertIsNotNone(trino_sql_validator.validate(statement.replace(")", "", 1)).error)

    def test_invalid_statement_is_rejected(self):
        for path in every_file():
            statement = re.sub(r"--.*", "", path.read_text())
            parenthesis = statement.replace(")", "", 1)
            keyword = statement.replace("PARTITIONED BY", "PARTED BY").replace("from ", "fro m ")
            for wrong in (parenthesis, keyword):
                with self.subTest(path.name), self.assertRaises(sqlglot.errors.SqlglotError):
                    sources.parse(wrong)

    def test_every_query_has_title_description_and_limit(self):
        titles = [query.title for query in sources.queries()]
        self.assertEqual(len(titles), len(set(titles)))
        for query in sources.queries():
            with self.subTest(query.name):
                self.assertRegex(query.title, r"^[A-Z][^.]{3,60}$")
                self.assertRegex(query.description, r"^[A-Z].{20,}\.$")
                self.assertLessEqual(len(query.description), 1024, "Athena's limit")
                self.assertRegex(query.text, r"\nlimit \d+\n$")
                change = query.text.split("\n")[2]
                for days in re.findall(r"interval '(\d+)' day", query.text):
                    self.assertIn(days, re.findall(r"\d+", change), "the header must name every number of days")

    def test_every_scan_in_query_is_bounded_by_day(self):
        for query in sources.queries():
            for select in sources.parse(query.text).find_all(exp.Select):
                tables = [
                    table.name
                    for table in select.find_all(exp.Table)
                    if table.parent_select is select and table.name in SCANNED
                ]
                if tables:
                    with self.subTest(query.name, tables=tables):
                        self.assertTrue(
                            bounds_day(select), "a scan without `day >=` or `day =` reads every day since 1970"
                        )

    def test_views_filter_nothing_and_expose_day(self):
        for view in sources.views():
            with self.subTest(view.name):
                select = sources.parse(view.query)
                self.assertIsNone(select.args.get("where"), "a view must not filter records out")
                self.assertEqual(select.expressions[0].sql(), "day", "an expression over day would prevent partition pruning")

    def test_every_action_named_in_query_is_known(self):
        known = known_actions()
        for query in sources.queries():
            for condition in sources.parse(query.text).find_all(exp.In, exp.EQ):
                if condition.this.sql() != "action":
                    continue
                for literal in condition.find_all(exp.Literal):
                    with self.subTest(query.name):
                        self.assertIn(literal.name, known)

    def test_every_finding_has_severity_and_distinct_known_actions(self):
        [query] = [query for query in sources.queries() if query.name == "findings"]
        rules = [rule.expressions for rule in sources.parse(query.text).find(exp.Values).expressions]
        named = [action.name for *_, actions in rules for action in actions.expressions]
        self.assertEqual(set(named) - known_actions(), set())
        self.assertEqual(len(named), len(set(named)), "one record would become two findings")
        self.assertEqual({rule[0].name for rule in rules}, {"critical", "high", "medium", "low"})
        self.assertGreater(len(rules), 40)

    def test_every_action_pattern_alternative_matches_known_action(self):
        known = known_actions()
        for query in sources.queries():
            for pattern in ACTION_PATTERN.findall(query.text):
                before, alternatives, after = re.fullmatch(r"(.*)\((.*)\)(.*)", pattern).groups()
                for alternative in alternatives.split("|"):
                    one = re.compile(f"{before}({alternative}){after}")
                    with self.subTest(query.name, alternative=alternative):
                        self.assertTrue(any(one.search(action) for action in known))


def bounds_day(select: exp.Select) -> bool:
    where = select.args.get("where")
    if where is None:
        return False
    for condition in conjuncts(where.this):
        if (
            isinstance(condition, exp.GTE | exp.EQ)
            and condition.this.sql() == "day"
            and not condition.expression.find(exp.Column)
        ):
            return True
    return False


def conjuncts(condition: exp.Expression) -> list[exp.Expression]:
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


if __name__ == "__main__":
    unittest.main()
