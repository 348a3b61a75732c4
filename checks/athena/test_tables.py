"""Compares the tables with the collector's output, with README.md, and with the log types in the code."""

import re
import tempfile
import unittest
from pathlib import Path

import archive
import duck
import sources

# slacktrail's only field that README.md does not list. It holds a row that is not an object.
IN_PLACE_OF_A_RECORD = "p_row"


def slacktrail_fields(names) -> set[str]:
    return {name for name in names if name.startswith("p_")}


class Columns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collected = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.simulated = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_samples(cls.collected)
        archive.collect_simulated(cls.simulated)

    def keys(self, log: str) -> set[str]:
        """Returns every top-level key of the collected records."""
        objects = archive.objects(self.collected, log) + archive.objects(self.simulated, log)
        return {key for object in objects for record in object.records() for key in record}

    def test_every_column_is_record_key(self):
        # slacktrail's fields are the same in every table, so that one condition works for all. No sample access record has an email.
        shared = set().union(*(slacktrail_fields(self.keys(table.name)) for table in sources.tables()))
        for table in sources.tables():
            with self.subTest(table.name):
                self.assertEqual({column.name for column in table.columns} - self.keys(table.name) - shared, set())

    def test_every_record_key_is_column_except_simulated_extra_key(self):
        for table in sources.tables():
            with self.subTest(table.name):
                missing = self.keys(table.name) - {column.name for column in table.columns}
                self.assertEqual(missing, {"new_attribute"} if table.name == "audit" else set())

    def test_line_has_exactly_slacktrail_fields_listed_in_readme(self):
        found = set().union(*(slacktrail_fields(self.keys(table.name)) for table in sources.tables()))
        self.assertEqual(found, set(fields_of_readme()) | {IN_PLACE_OF_A_RECORD})

    def test_objects_match_partition_paths(self):
        for directory in (self.collected, self.simulated):
            for table in sources.tables():
                objects = archive.objects(directory, table.name)
                self.assertTrue(objects)
                for object in objects:
                    with self.subTest(object.key):
                        parts = archive.KEY.fullmatch(object.key)
                        self.assertEqual(duck.day_of(table, object.key), parts["day"])
                        days = {record["p_event_time"][:10].replace("-", "/") for record in object.records()}
                        self.assertEqual(days, {parts["day"]}, "a query for a day must find all of its records")

    def test_undated_records_fall_into_partition_range(self):
        undated = [object.key for object in archive.objects(self.collected) if "/1970/01/01/" in object.key]
        self.assertEqual(len(undated), len(sources.tables()))
        for table in sources.tables():
            self.assertTrue(any(duck.day_of(table, key) for key in undated), table.name)


class Shape(unittest.TestCase):
    def test_string_columns_keep_slack_values_from_failing_queries(self):
        for table in sources.tables():
            for column in table.columns:
                if not column.name.startswith("p_"):
                    self.assertEqual(column.type, "string", f"{table.name}.{column.name}")

    def test_slacktrail_fields_have_same_type_in_every_table(self):
        types = {"p_event_time": "timestamp", "p_parse_time": "timestamp"}
        for table in sources.tables():
            for column in table.columns:
                if column.name.startswith("p_"):
                    wanted = "array<string>" if column.name.startswith("p_any_") else types.get(column.name, "string")
                    self.assertEqual(column.type, wanted, f"{table.name}.{column.name}")

    def test_slacktrail_columns_are_fields_listed_in_readme(self):
        columns = set().union(*(slacktrail_fields(column.name for column in table.columns) for table in sources.tables()))
        self.assertEqual(columns, set(fields_of_readme()) | {IN_PLACE_OF_A_RECORD})

    def test_tables_use_documented_serde_and_projection(self):
        for table in sources.tables():
            with self.subTest(table.name):
                self.assertEqual(table.serde, "org.openx.data.jsonserde.JsonSerDe")
                self.assertEqual(table.serde_properties, {"case.insensitive": "FALSE", "ignore.malformed.json": "TRUE"})
                self.assertEqual([(day.name, day.type) for day in table.partitions], [("day", "string")])
                self.assertEqual(table.location, f"s3://{sources.BUCKET}/{table.name}/")
                self.assertEqual(
                    table.properties,
                    {
                        "classification": "json",
                        "projection.enabled": "true",
                        "projection.day.type": "date",
                        "projection.day.format": "yyyy/MM/dd",
                        "projection.day.range": "1970/01/01,NOW",
                        "projection.day.interval": "1",
                        "projection.day.interval.unit": "DAYS",
                        "storage.location.template": f"s3://{sources.BUCKET}/{table.name}/${{day}}/",
                    },
                )

    def test_log_types_match_in_code_readme_and_tables(self):
        code = logs_of_code()
        self.assertEqual(set(code), {table.name for table in sources.tables()})
        self.assertEqual(set(code), {view.name.removesuffix("_events") for view in sources.views()})
        fields = fields_of_readme()
        self.assertEqual(set(code.values()), set(re.findall(r"Slack\.\w+", fields["p_log_type"])))
        self.assertEqual(set(code), set(re.findall(r"(\w+) `", fields["p_event_time"].split("(")[1])))
        for table in sources.tables():
            comment = next(column.comment for column in table.columns if column.name == "p_log_type")
            self.assertEqual(set(code.values()), set(re.findall(r"Slack\.\w+", comment)), table.name)
            time = next(column.comment for column in table.columns if column.name == "p_event_time").rsplit(" ", 1)[1]
            self.assertIn(f"{table.name} `{time}`", fields["p_event_time"])


def fields_of_readme() -> dict[str, str]:
    """Returns the appended fields from README.md, each with its description."""
    fields = {}
    for names, meaning in re.findall(
        r"^\| (`p_[^|]*) \| (.*) \|$", (sources.ROOT / "README.md").read_text(), re.MULTILINE
    ):
        fields |= dict.fromkeys(re.findall(r"`(\w+)`", names), meaning)
    fields.pop(IN_PLACE_OF_A_RECORD, None)
    return fields


def logs_of_code() -> dict[str, str]:
    """Returns the names of the log types in `LogType`, each with its `p_log_type`."""
    code = (sources.ROOT / "shared" / "core" / "src" / "source" / "log_type.rs").read_text()
    names = dict(re.findall(r'LogType::(\w+) => "([a-z]+)",', code))
    panther_log_types = dict(re.findall(r'LogType::(\w+) => "(Slack\.\w+)",', code))
    [all_of_them] = re.findall(r"ALL: \[LogType; \d+\] = \[([^\]]*)\]", code)
    return {names[log]: panther_log_types[log] for log in re.findall(r"LogType::(\w+)", all_of_them)}


if __name__ == "__main__":
    unittest.main()
