"""Checks that the translation to DuckDB returns what Trino's documentation and source say that Athena's engine returns."""

import unittest
from datetime import datetime

import duck


class Translation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = duck.database()

    def rows(self, sql: str) -> list[tuple]:
        return self.database.execute(duck.in_duckdb(sql)).fetchall()

    def one(self, expression: str, table: str = "(values 1) as t (a)"):
        [(value,)] = self.rows(f"select {expression} from {table}")
        return value

    def test_min_by_and_max_by_return_null_of_first_and_last_row(self):
        table = "(values (null, 1), ('x', 2), (null, 3)) as t (a, k)"
        self.assertIsNone(self.one("min_by(a, k)", table))
        self.assertIsNone(self.one("max_by(a, k)", table))
        self.assertEqual(self.one("max_by(a, k) filter (where a is not null)", table), "x")

    def test_min_by_and_max_by_skip_rows_with_null_as_key(self):
        table = "(values ('unknown', null), ('x', 2)) as t (a, k)"
        self.assertEqual(self.one("min_by(a, k)", table), "x")
        self.assertEqual(self.one("max_by(a, k)", table), "x")

    def test_date_diff_counts_complete_units(self):
        for before, after, seconds in (
            ("00:00:00.900", "00:00:01.100", 0),
            ("00:00:00.900", "00:00:02.000", 1),
            ("00:00:01.000", "00:00:00.500", 0),
            ("00:00:01.000", "00:00:00.000", -1),
        ):
            with self.subTest(before=before, after=after):
                between = f"timestamp '2026-05-20 {before}', timestamp '2026-05-20 {after}'"
                self.assertEqual(self.one(f"date_diff('second', {between})"), seconds)

    def test_from_unixtime_rounds_to_milliseconds(self):
        time = "cast(from_unixtime(cast('1779076800123567' as double) / 1e6) as timestamp)"
        self.assertEqual(self.one(time), datetime(2026, 5, 18, 4, 0, 0, 124_000))

    def test_cast_to_bigint_accepts_only_integers(self):
        for text, number in {"14": 14, "-5": -5, "+5": 5, "1.6": None, "1e3": None, "0x10": None, "1_000": None, "": None}.items():
            with self.subTest(text):
                self.assertEqual(self.one(f"try_cast('{text}' as bigint)"), number)

    def test_regexp_extract_returns_null_without_match(self):
        self.assertIsNone(self.one("regexp_extract('abc', 'x(y)', 1)"))
        self.assertEqual(self.one("regexp_extract('xyz', 'x(y)', 1)"), "y")
        self.assertEqual(self.one("regexp_extract('xz', 'x(y*)', 1)"), "")

    def test_regexp_replace_replaces_every_match_with_its_groups(self):
        self.assertEqual(self.one("regexp_replace('a1 b2 c', '([a-z])[0-9]|c', '<$1>')"), "<a> <b> <>")

    def test_json_functions_return_null_for_text_that_is_not_json(self):
        self.assertIsNone(self.one("json_extract_scalar('{', '$.a')"))
        self.assertIsNone(self.one("json_format(json_extract('text', '$.a'))"))

    def test_json_extract_scalar_returns_null_for_object_list_and_null(self):
        for value, scalar in {"{}": None, "[1]": None, "null": None, "true": "true", "12": "12", '"x"': "x"}.items():
            with self.subTest(value):
                self.assertEqual(self.one(f"""json_extract_scalar('{{"a":{value}}}', '$.a')"""), scalar)

    def test_json_path_from_data_fails_no_query(self):
        for name in ("*", "a[", "", "a b", '"'):
            with self.subTest(name):
                self.assertIsNone(self.one(f"""try(json_extract_scalar('{{"x":1}}', '$.' || a || '.id'))""", f"(values '{name}') as t (a)"))

    def test_cast_to_array_returns_null_for_what_is_no_list(self):
        for value in ('{"a":1}', '"a"', "1", "null", "text"):
            with self.subTest(value):
                self.assertIsNone(self.one(f"try_cast(json_extract('{value}', '$') as array(json))"))

    def test_nulls_sort_last_in_both_directions(self):
        table = "(values 1, null, 2) as t (a)"
        self.assertEqual(self.rows(f"select a from {table} order by a"), [(1,), (2,), (None,)])
        self.assertEqual(self.rows(f"select a from {table} order by a desc"), [(2,), (1,), (None,)])

    def test_strings_compare_by_code_point(self):
        self.assertEqual(self.one("array_join(array_sort(array['b', 'ä', 'a', 'B']), ',')"), "B,a,b,ä")

    def test_list_functions_omit_and_keep_null_as_trino_does(self):
        self.assertEqual(self.one("array_join(array['a', null, 'b'], ',')"), "a,b")
        self.assertEqual(self.one("array_join(array_sort(array['b', null, 'a']), ',')"), "a,b")
        self.assertEqual(self.one("cardinality(flatten(array[array['a'], null, array['b']]))"), 2)
        self.assertIsNone(self.one("'a' || cast(null as varchar)"))

    def test_split_keeps_empty_parts(self):
        self.assertEqual(self.one("split('a,,b,', ',')"), ["a", "", "b", ""])

    def test_substr_counts_characters_and_returns_empty_text_for_length_below_1(self):
        self.assertEqual(self.one("substr('😀abc', 2, 2)"), "ab")
        self.assertEqual(self.one("substr('abc', 1, -2)"), "")

    def test_division_of_integer_by_double_keeps_fraction(self):
        self.assertEqual(self.one("cast('3' as bigint) / 2e0"), 1.5)


if __name__ == "__main__":
    unittest.main()
