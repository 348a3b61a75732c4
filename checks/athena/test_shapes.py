"""Tests the views and queries with values whose structure differs between records."""

import json
import unittest
from datetime import UTC, datetime, timedelta

import duck
import sources

DAY = datetime(2026, 5, 20, tzinfo=UTC)


class OverRows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = duck.database()

    def setUp(self):
        for table in ("audit", "access"):
            self.database.execute(f"DELETE FROM {table}")

    def insert(self, table: str, **values):
        texts = {
            name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in values.items()
        }
        names, marks = ", ".join(f'"{name}"' for name in texts), ", ".join("?" for _ in texts)
        self.database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(texts.values()))

    def insert_at(self, time: datetime, action: str, actor: str = "W1", **values):
        count = self.database.execute("SELECT count(*) FROM audit").fetchone()[0]
        user = {"type": "user", "user": {"id": actor}}
        self.insert(
            "audit",
            action=action,
            actor=user,
            p_event_time=time,
            day=time.strftime("%Y/%m/%d"),
            p_row_id=f"{count:032}",
            **values,
        )

    def opened(self, *columns: str, **values) -> tuple:
        """Returns these columns of the view for a single record."""
        self.database.execute("DELETE FROM audit")
        self.insert("audit", **values)
        return self.database.execute(f"SELECT {', '.join(columns)} FROM audit_events").fetchone()

    def rows(self, name: str) -> list[dict]:
        text = next(query.text for query in sources.queries() if query.name == name)
        return duck.run(self.database, text, DAY)


class Scopes(OverRows):
    def test_scopes_merge_all_sources_despite_empty_lists(self):
        for scopes, details, app in [
            (
                ["admin", "channels:history", "files:read"],
                {"scopes": [], "bot_scopes": ["channels:history", "files:read", "admin"]},
                {},
            ),
            (["files:read"], None, {"scopes": [], "bot_scopes": ["files:read"]}),
            (["files:read"], {"new_scopes": []}, {"scopes": [], "scopes_bot": ["files:read"]}),
            (["chat:write", "files:read"], {"scopes": ["files:read"], "scopes_bot": ["chat:write"]}, {}),
            (["a:1", "b:1", "c:1"], {"new_scopes": ["a:1"], "scopes": ["b:1"]}, {"scopes": ["c:1", "b:1"]}),
            (["im:history"], {"permissions": [{"scopes": []}, {"resource": None, "scopes": ["im:history"]}]}, {}),
            (["a:1", "b:1"], [{"scopes": []}, "x", {"scopes": ["a:1"]}, {"bot_scopes": ["b:1"]}], {}),
            (["a:1"], {"scopes": ["a:1", None, {"b": 1}, ["c"]]}, {}),
            (["a:1", "b:1"], {"scopes": "a:1,b:1"}, {}),
            (["a:1"], {"scopes": '["a:1"]'}, {}),
            (["a:1"], {"scopes": {"0": "a:1"}}, {}),
            (None, {"scopes": [], "bot_scopes": None, "new_scopes": "not a scope"}, {"scopes": {}}),
            (None, "text", {}),
        ]:
            with self.subTest(details=details, app=app):
                entity = {"type": "app", "app": {"id": "A1", **app}}
                self.assertEqual(self.opened("scopes", details=details, entity=entity), (scopes,))

    def test_previous_scopes_merge_all_sources(self):
        details = {"previous_scopes": [], "old_scopes": ["a:1"]}
        self.assertEqual(self.opened("previous_scopes", details=details), (["a:1"],))

    def test_is_powerful_follows_scopes_and_is_null_without_scopes(self):
        for powerful, details in [
            (True, {"scopes": [], "bot_scopes": ["admin"]}),
            (False, {"scopes": ["users:read"]}),
            (None, {}),
        ]:
            self.database.execute("DELETE FROM audit")
            self.insert_at(DAY, "app_installed", details=details)
            [row] = self.rows("app_installs_and_scope_growth")
            with self.subTest(details=details):
                self.assertEqual(row["is_powerful"], powerful)

    def test_workspace_is_not_labeled_as_app(self):
        workspace = {"type": "workspace", "workspace": {"id": "T1", "name": "HQ"}}
        self.insert_at(DAY, "org_app_workspace_added", entity=workspace, details={"app_id": "A1"})
        [row] = self.rows("app_installs_and_scope_growth")
        self.assertEqual((row["app_id"], row["app_name"], row["workspace"]), ("A1", None, "HQ"))


class Persons(OverRows):
    def test_target_user_is_read_from_text_object_or_list(self):
        ben = {"id": "W2", "name": "Ben", "email": "ben@example.com"}
        named = ("W2", "Ben", "ben@example.com")
        for person, target in [
            (("W2", None, None), "W2"),
            ((None, None, "ben@example.com"), "ben@example.com"),
            (named, ben),
            (named, {"type": "user", "user": ben}),
            (named, json.dumps(ben)),
            (("W2,W3", "Ben", "ben@example.com"), [ben, "W3"]),
            ((None, None, None), None),
            ((None, None, None), {}),
        ]:
            with self.subTest(target=target):
                columns = ("target_user_id", "target_user_name", "target_user_email")
                self.assertEqual(self.opened(*columns, details={"target_user": target}), person)
                self.assertEqual(self.opened(*columns, details=[{"note": "x"}, {"target_user": target}]), person)

    def test_owner_change_does_not_set_target_user_email_from_entity(self):
        old_owner = {"type": "user", "user": {"id": "W1", "name": "Ann", "email": "ann@example.com"}}
        self.insert_at(DAY, "owner_transferred", entity=old_owner, details={"target_user": "W9"})
        [row] = self.rows("admin_and_owner_changes")
        person = (row["target_user_id"], row["target_user_name"], row["target_user_email"])
        self.assertEqual((*person, row["entity"]), ("W9", None, None, "ann@example.com"))

    def test_actor_of_any_type_has_id_and_name(self):
        actor = {"type": "workflow", "workflow": {"id": "Wf1", "name": "Onboard"}}
        self.assertEqual(self.opened("actor_id", "actor_name", actor=actor), ("Wf1", "Onboard"))

    def test_reason_of_unknown_shape_does_not_hide_others(self):
        self.assertEqual(self.opened("reasons", details={"reason": ["tor", {"a": 1}]}), (["tor"],))


class Networks(OverRows):
    def test_network_is_24_bits_of_ipv4_and_64_bits_of_ipv6(self):
        for network, addresses in {
            "203.0.113.0/24": ["203.0.113.7", "::ffff:203.0.113.8", "::FFFF:203.0.113.9", "0:0:0:0:0:ffff:203.0.113.1"],
            "2001:db8:7::/64": ["2001:db8:7::9", "2001:DB8:7::A", "2001:0db8:0007:0000:1:2:3:4", "2001:db8:7:0:1::"],
            "2001:db8:7:1::/64": ["2001:db8:7:1::9"],
            "2001:db8::/64": ["2001:db8::1", "2001:db8::5:6:7:8", "2001:db8::192.0.2.1"],
            "1:2:3:4::/64": ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8", "1:2:3:4::8"],
            "0::/64": ["::1"],
            None: [
                *["", None, "redacted", "1.23.45.678", "1.2.3", "1.2.3.4.5", "1.2.3.4:443", "12345::", "::1::2", "1:2"],
                *["1:2:3:4:5:6:7:8:9", "g::1", "203.0.113.0/24"],
            ],
        }.items():
            for address in addresses:
                with self.subTest(address=address):
                    self.assertEqual(self.opened("network", context={"ip_address": address}), (network,))
                    self.database.execute("DELETE FROM access")
                    self.insert("access", ip=address)
                    found = self.database.execute("SELECT network FROM access_events").fetchone()
                    self.assertEqual(found, (network,))


class Devices(OverRows):
    def new_devices(self, before: str, now: str) -> list[str]:
        self.database.execute("DELETE FROM access")
        for days, agent in ((30, before), (1, now)):
            time = DAY - timedelta(days=days)
            day = time.strftime("%Y/%m/%d")
            self.insert("access", user_id="W1", user_agent=agent, p_event_time=time, day=day)
        return [row["user_agent"] for row in self.rows("new_devices_per_user")]

    def test_update_is_not_new_device(self):
        mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/1.2"
        windows = "Mozilla/5.0 (Windows NT {}; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/{} Electron/28"
        android = "Mozilla/5.0 (Linux; Android 14; Pixel 7 Build/{}) Chrome/{} Mobile Safari/537.36"
        for before, now in [
            (mac.format("14_4", "124.0.0.0"), mac.format("14_5_1", "125.0.0.0")),
            (windows.format("10.0.19045", "4.36.140"), windows.format("10.0.22631", "4.37.9")),
            (android.format("TP1A.220624.014", "120.0"), android.format("UQ1A.240205.004", "121.0.1")),
            ("com.Slack/24.05.10.0 (Google Pixel 7; Android 14)", "com.Slack/24.06.20.0 (Google Pixel 7; Android 14)"),
            (
                "com.tinyspeck.chatlyio/24.05.20 (iPhone14,2; iOS 17.4.1; Scale/3.00)",
                "com.tinyspeck.chatlyio/24.06.10 (iPhone14,2; iOS 17.5; Scale/3.00)",
            ),
            ("SlackWeb/0 Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko", "Mozilla/5.0 (X11; Linux x86_64) Gecko"),
            ("slack-cli/v3.1.0", "slack-cli/3.2.0"),
        ]:
            with self.subTest(now=now):
                self.assertEqual(self.new_devices(before, now), [])

    def test_other_model_system_or_app_is_new_device(self):
        for before, now in [
            ("com.Slack/24.05.10.0 (Google Pixel 7; Android 14)", "com.Slack/24.05.10.0 (Google Pixel 8; Android 14)"),
            ("com.Slack/24.5 (samsung SM-S918B; Android 14)", "com.Slack/24.5 (samsung SM-S908B; Android 14)"),
            ("x/1 (iPhone14,2; iOS 17.4; Scale/3.00)", "x/1 (iPhone15,3; iOS 17.4; Scale/3.00)"),
            ("x/1 (iPhone; iOS 17.4; Scale/3.00)", "x/1 (iPhone; iOS 17.4; Scale/2.00)"),
            ("x/1 (iPhone; iOS 17.4)", "x/1 (iPhone; iOS 16.7)"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64)", "Mozilla/5.0 (Windows NT 6.1; Win64)"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 13_6)"),
            ("ApiApp/A1 python-requests/2.32.4", "ApiApp/A2 python-requests/2.32.4"),
        ]:
            with self.subTest(now=now):
                self.assertEqual(self.new_devices(before, now), [now])


class Findings(OverRows):
    def found(self) -> list[tuple]:
        return [(row["severity"], row["actor"], row["times"]) for row in self.rows("findings")]

    def test_twenty_invitations_by_one_actor_in_one_hour_are_one_finding(self):
        kinds = ["guest_created", "connect_dm_invite_generated", "external_shared_channel_invite_sent"]
        for number in range(20):
            self.insert_at(DAY - timedelta(hours=3, seconds=-number), kinds[number % 3], "W1")
        for number in range(19):
            self.insert_at(DAY - timedelta(hours=3, seconds=-number), kinds[number % 3], "W2")
        for number in range(38):
            self.insert_at(DAY - timedelta(hours=3 + number % 2, seconds=-number), kinds[number % 3], "W3")
        self.assertEqual(self.found(), [("high", "W1", 20)])

    def test_ended_sessions_form_bursts_and_slack_resets_are_single(self):
        kinds = ["user_session_invalidated", "user_session_reset_by_admin"]
        for number in range(20):
            self.insert_at(DAY - timedelta(hours=3, seconds=-number), kinds[number % 2], "W1")
        for number in range(19):
            self.insert_at(DAY - timedelta(hours=3, seconds=-number), "user_session_invalidated", "W2")
        self.insert_at(DAY - timedelta(hours=3), "user_sessions_reset_by_anomaly_event_response", "W3")
        self.assertCountEqual(self.found(), [("medium", "W1", 20), ("medium", "W3", 1)])

    def test_each_finding_is_one_row_and_rows_are_ordered_by_severity(self):
        for action in ("app_uninstalled", "ekm_unenrolled", "user_login", "ekm_unenrolled", "barrier_deleted"):
            self.insert_at(DAY - timedelta(days=2), action)
        severities = [severity for severity, _, times in self.found() if times == 1]
        self.assertEqual(severities, ["critical", "critical", "high", "low"])


if __name__ == "__main__":
    unittest.main()
