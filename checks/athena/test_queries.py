"""Runs the views and queries in DuckDB over objects that the compiled collector wrote."""

import gzip
import json
import shutil
import tempfile
import unittest
from datetime import UTC, datetime
from pathlib import Path

import archive
import duck
import samples
import sources
from rows import MAC, access, audit, user
from samples import WORKSPACE

EXPECTED = Path(__file__).parent / "expected"
GOLDEN = sources.ROOT / "shared" / "core" / "tests" / "golden"
GOLDEN_DAY = datetime(2026, 11, 22, tzinfo=UTC)


def rows(name: str, database, today: datetime) -> list[dict]:
    """Returns the rows of a query as JSON values."""
    query = next(query for query in sources.queries() if query.name == name)
    return [
        {key: value if isinstance(value, bool | int | None) else str(value) for key, value in row.items()}
        for row in duck.run(database, query.text, today)
    ]


def expected(name: str) -> list[dict]:
    return json.loads((EXPECTED / f"{name}.json").read_text())


def line_with(user_agent: str) -> bytes:
    """Returns a line whose user agent is a text with escapes."""
    row = audit(20, "10:00:00", "user_login", user("W1", "Ann Owner")).replace(MAC, user_agent)
    return f"{archive.line(row)}\n".encode()


class OverTheSamples(unittest.TestCase):
    """Each row is known."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_samples(cls.directory)
        cls.database = duck.database(cls.directory)

    def one(self, sql: str):
        return self.database.execute(duck.in_duckdb(sql)).fetchone()

    def test_each_query_returns_expected_rows(self):
        for query in sources.queries():
            if query.name != "lateness":  # its rows depend on when the test collected the records
                with self.subTest(query.name):
                    self.assertEqual(rows(query.name, self.database, samples.TODAY), expected(query.name))

    def test_expected_rows_exist_for_exactly_all_queries(self):
        self.assertEqual({path.stem for path in EXPECTED.glob("*.json")}, {query.name for query in sources.queries()})

    def test_each_line_is_one_row_of_table_and_view(self):
        for log in ("audit", "access", "integration"):
            lines = sum(len(object.lines()) for object in archive.objects(self.directory, log))
            with self.subTest(log):
                self.assertGreater(lines, 5)
                self.assertEqual(self.one(f"select count(*), count(p_row_id) from {log}"), (lines, lines))
                self.assertEqual(
                    self.one(f"select count(*), count(distinct p_row_id) from {log}_events"), (lines, lines)
                )

    def test_view_parses_entities_of_every_shape(self):
        opened = "select entity_type, entity_id, entity_name from audit_events where action = "
        for action, entity in {
            "message_tombstoned": ("message", "C1", None),
            "slack_ai_canvas_content_generated": ("canvas", "F1", "Plan"),
            "owner_transferred": ("workspace", "T1", "Example HQ"),
            "external_auth_oauth2_token_fetched": ("external_auth_oauth2_token", None, None),
            "user_logout": (None, None, None),
        }.items():
            with self.subTest(action):
                self.assertEqual(self.one(f"{opened}'{action}'"), entity)

    def test_actor_may_be_app_and_session_may_be_number_text_or_null(self):
        self.assertEqual(
            self.one(
                """select actor_type, actor_id, actor_name, actor_email, json_extract_scalar(app, '$.name')
                from audit_events where action = 'file_uploaded'"""
            ),
            ("app", "A1", "Ticket Triage", None, "Ticket Triage"),
        )
        self.assertEqual(
            self.database.execute(
                """select session_id from audit_events
                where action = 'user_login' and actor_id = 'W1' order by event_time"""
            ).fetchall(),
            [("12177102026566",), ("847288190092",), (None,)],
        )

    def test_number_and_text_denote_same_service(self):
        self.assertEqual(
            self.one(
                """select count(distinct service_id), count(*)
                from integration_events where integration_name = 'Jenkins CI'"""
            ),
            (1, 2),
        )

    def test_record_of_unknown_shape_fails_no_query(self):
        undated = self.database.execute(
            """select action, actor, entity, entity_id, context, ip, details
            from audit_events where day = '1970/01/01' order by action nulls last"""
        ).fetchall()
        self.assertEqual(undated, [("app_uninstalled", None, "A1", None, "[]", None, "text"), (None,) * 7])
        self.assertEqual(self.one("select p_row from audit where action is null"), (None,), "Slack sent null")
        self.assertEqual(self.one("select p_row from access where user_id is null"), ("no object",))

    def test_impossible_time_is_null_and_fails_no_query(self):
        self.assertEqual(
            self.one("select last_seen, accesses from access_events where user_id = 'W3' and ip is null"), (None, 14)
        )
        self.assertEqual(
            self.one("select acted_at, reasons from audit_events where action = 'anomaly' and day = '2026/04/17'"),
            (None, ["unexpected_client"]),
        )


class OverTheGoldenFiles(unittest.TestCase):
    """The bytes of these objects are a contract, and their collection time is fixed."""

    def test_lateness_matches_golden_lines(self):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            for log in ("audit", "access", "integration"):
                target = directory / log / "2026/11/22/acme-000001.json.gz"
                target.parent.mkdir(parents=True)
                shutil.copy(GOLDEN / f"{log}.json.gz", target)
            self.assertEqual(rows("lateness", duck.database(directory), GOLDEN_DAY), expected("lateness"))


class OverDamage(unittest.TestCase):
    """Damage that the query must detect."""

    def incomplete_days(self, damage) -> list[dict]:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            first = directory / "audit/2026/11/22/acme-000001.json.gz"
            first.parent.mkdir(parents=True)
            line = next(line for line in gzip.decompress((GOLDEN / "audit.json.gz").read_bytes()).splitlines(True))
            first.write_bytes(gzip.compress(line))
            damage(first, line)
            return [
                row
                for row in rows("completeness_by_day", duck.database(directory), GOLDEN_DAY)
                if not row["is_complete"]
            ]

    def test_completeness_reports_nothing_for_sound_archive(self):
        self.assertEqual(self.incomplete_days(lambda first, line: None), [])

    def test_completeness_reports_duplicate_record(self):
        [found] = self.incomplete_days(lambda first, line: first.write_bytes(gzip.compress(line + line)))
        self.assertEqual((found["row_count"], found["record_count"]), (2, 1))

    def test_completeness_reports_line_that_is_not_json(self):
        [found] = self.incomplete_days(lambda first, line: first.write_bytes(gzip.compress(line + b'{"id":\n')))
        self.assertEqual((found["row_count"], found["unreadable_count"]), (2, 1))

    def test_completeness_reports_unpaired_surrogate_as_unreadable(self):
        # DuckDB cannot read the line, although it is JSON. docs/athena.md says so.
        unpaired = line_with(r"x\ud83d")
        self.assertEqual(json.loads(unpaired)["context"]["ua"], "x\ud83d")
        [found] = self.incomplete_days(lambda first, line: first.write_bytes(gzip.compress(line + unpaired)))
        self.assertEqual((found["row_count"], found["unreadable_count"]), (2, 1))

    def test_completeness_accepts_paired_surrogates(self):
        paired = line_with(r"x\ud83d\ude00")
        self.assertEqual(self.incomplete_days(lambda first, line: first.write_bytes(gzip.compress(line + paired))), [])

    def test_completeness_reports_missing_object(self):
        [found] = self.incomplete_days(lambda first, line: first.rename(first.with_name("acme-000002.json.gz")))
        self.assertEqual((found["object_count"], found["last_object"]), (1, 2))


class OverRecordsWithoutSomeFields(unittest.TestCase):
    """A row shows the fields of one record, even if another record of the same group has a field that this one lacks."""

    TODAY = datetime(2026, 5, 20, tzinfo=UTC)

    @classmethod
    def setUpClass(cls):
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        ann, without_email = user("W1", "Ann Owner"), {"type": "user", "user": {"id": "W1", "name": "Ann Owner"}}
        ben, without_name = user("W2", "Ben Member"), {"type": "user", "user": {"id": "W2"}}
        archive.store(
            directory,
            "audit",
            "2026/05/20",
            [
                audit(20, "08:00:00", "user_login", ann, ann),
                audit(20, "09:00:00", "user_logout", without_email),
                audit(20, "10:00:00", "role_assigned", ben, WORKSPACE, {"target_user": "W1"}),
                audit(20, "11:00:00", "user_login_failed", ben, without_name, context={"ip_address": ""}),
                *[audit(20, f"11:00:{n:02}", "user_login_failed", ben, ben) for n in range(1, 10)],
            ],
        )
        archive.store(
            directory, "access", "2026/05/20", [access(20, "08:00:01", "W1", "ann", "203.0.113.7", MAC, "DE")]
        )
        cls.database = duck.database(directory)

    def rows(self, name: str) -> list[dict]:
        return rows(name, self.database, self.TODAY)

    def test_admin_changes_take_email_from_earlier_record_of_user(self):
        [found] = self.rows("admin_and_owner_changes")
        self.assertEqual((found["target_user_id"], found["target_user_email"]), ("W1", "ann@example.com"))

    def test_new_device_shows_country_of_first_sighting_only(self):
        [found] = self.rows("new_devices_per_user")
        self.assertEqual((found["first_seen"], found["user_name"]), ("2026-05-20 08:00:00", "Ann Owner"))
        self.assertIsNone(found["country"])

    def test_burst_in_findings_shows_fields_of_its_first_record(self):
        [burst] = [row for row in self.rows("findings") if row["action"] == "user_login_failed"]
        self.assertEqual((burst["event_time"], burst["times"], burst["target"]), ("2026-05-20 11:00:00", 10, "W2"))
        self.assertIsNone(burst["ip"])

    def test_first_entity_in_who_did_what_is_of_first_record(self):
        [found] = [row for row in self.rows("who_did_what_today") if row["action"] == "user_login_failed"]
        self.assertEqual((found["times"], found["first_entity"]), (10, None))


class OverTheSimulatedSlack(unittest.TestCase):
    """Thousands of records with everything unusual that the simulated Slack generates. The tests check invariants, not rows."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        archive.collect_simulated(cls.directory)
        cls.database = duck.database(cls.directory)
        [newest] = cls.database.execute("select max(day) from audit").fetchone()
        cls.today = datetime.strptime(newest, "%Y/%m/%d").replace(tzinfo=UTC)

    def rows(self, name: str) -> list[dict]:
        return rows(name, self.database, self.today)

    def count(self, sql: str) -> int:
        return self.database.execute(sql).fetchone()[0]

    def test_every_query_runs_and_returns_rows(self):
        for query in sources.queries():
            found = self.rows(query.name)
            with self.subTest(query.name):
                # The simulated Slack has no ann@example.com and no sharing with other organizations.
                self.assertEqual(bool(found), query.name not in ("actor_timeline", "guests_and_external_sharing"))

    def test_every_day_is_complete_and_counts_every_line(self):
        found = self.rows("completeness_by_day")
        self.assertTrue(all(row["is_complete"] for row in found), found)
        self.assertEqual(
            sum(row["row_count"] for row in found),
            sum(len(object.lines()) for object in archive.objects(self.directory)),
        )

    def test_who_did_what_counts_every_record_of_day(self):
        today = self.today.strftime("%Y/%m/%d")
        total = self.count(f"select count(*) from audit where day = '{today}'")
        self.assertEqual(sum(row["times"] for row in self.rows("who_did_what_today")), total)

    def test_query_returns_as_many_rows_as_plain_count(self):
        for name, condition in {
            "admin_and_owner_changes": "action = 'role_assigned'",
            "app_installs_and_scope_growth": "action in ('app_installed', 'app_scopes_expanded', 'app_approved')",
            "anomalies": "action = 'anomaly'",
        }.items():
            with self.subTest(name):
                self.assertEqual(len(self.rows(name)), self.count(f"select count(*) from audit where {condition}"))

    def test_lateness_counts_every_record_once(self):
        for row in self.rows("lateness"):
            self.assertEqual(
                row["records"], row["within_2_minutes"] + row["within_an_hour"] + row["within_26_hours"] + row["later"]
            )


if __name__ == "__main__":
    unittest.main()
