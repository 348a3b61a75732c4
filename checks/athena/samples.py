"""Sample rows: several weeks of Example Inc., modeled on rows that Slack and its SDKs publish, including unusual ones.

The rows are JSON text, not values, because some contain duplicate keys. The last day is TODAY.
"""

import json
from datetime import UTC, datetime

from rows import MAC, access, audit, channel, file, integration, seconds, user

TODAY = datetime(2026, 5, 20, tzinfo=UTC)
SINCE = "2026-04-01"
WORKSPACES = [{"id": "T1", "name": "Example HQ"}, {"id": "T2", "name": "Example Lab"}]

MAC_LATER = MAC.replace("124.0", "125.0")
LINUX = "SlackWeb/0 Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
PHONE = "com.tinyspeck.chatlyio/24.05.20 (iPhone; iOS 17.4.1; Scale/3.00)"
PIXEL = "com.Slack/24.05.10.0 (Google Pixel 7; Android 14)"
PIXEL_LATER = "com.Slack/24.06.20.0 (Google Pixel 7; Android 14)"
OTHER_PIXEL = "com.Slack/24.06.20.0 (Google Pixel 8; Android 14)"
CLI = "slack-cli/3.1.0 (os: darwin)"

ANN = user("W1", "Ann Owner")
BEN = user("W2", "Ben Member", account_type="FULL_MEMBER")
GUS = user("W3", "Gus Guest")
WORKSPACE = {"type": "workspace", "workspace": {"id": "T1", "name": "Example HQ", "domain": "example-hq"}}
TRIAGE = {
    "type": "app",
    "app": {
        "id": "A1",
        "name": "Ticket Triage",
        "is_distributed": True,
        "is_directory_approved": False,
        "is_workflow_app": False,
        "scopes": ["channels:history", "users:read"],
        "scopes_bot": ["chat:write"],
        "creator": "W1",
        "team": "T1",
    },
}

# An app in the current format of the API: two lists of scopes, either of which can be empty.
SCRIBE = {
    "type": "app",
    "app": {
        "id": "A3",
        "name": "Meeting Scribe",
        "is_distributed": True,
        "is_directory_approved": True,
        "is_workflow_app": False,
        "scopes": [],
        "bot_scopes": ["chat:write"],
    },
}

AUDIT = [
    # Ann logs in from the same place for weeks, and from a new place today.
    audit(-10, "09:00:00", "user_login", ANN, ANN),
    audit(19, "08:00:00", "user_login", ANN, ANN, context={"ua": MAC_LATER, "session_id": "847288190092"}),
    audit(
        20, "06:30:00", "user_login", ANN, ANN, context={"ua": PHONE, "ip_address": "198.51.100.9", "session_id": None}
    ),
    audit(
        18,
        "09:10:00",
        "user_login",
        BEN,
        BEN,
        context={"ip_address": "2001:db8:7::9", "ua": LINUX.removeprefix("SlackWeb/0 ")},
    ),
    # The same network in uppercase, the next network, and an IPv4-mapped IPv6 address from the command line.
    audit(19, "09:10:00", "user_login", BEN, BEN, context={"ip_address": "2001:DB8:7:0:0:0:0:A", "ua": LINUX}),
    audit(19, "09:20:00", "user_login", BEN, BEN, context={"ip_address": "2001:db8:7:1::9", "ua": LINUX}),
    audit(19, "09:30:00", "cli_login", BEN, BEN, context={"ip_address": "::ffff:203.0.113.200", "ua": CLI}),
    # An invalid address. Slack sends such addresses, too.
    audit(20, "06:31:00", "user_login_failed", BEN, BEN, context={"ip_address": "1.23.45.678", "ua": ""}),
    audit(
        20, "06:32:00", "user_logout", BEN, None, context={"ip_address": "redacted"}, new_attribute={"since": "2026-05"}
    ),
    # Roles.
    audit(11, "10:00:00", "role_change_to_admin", ANN, BEN),
    audit(12, "10:00:00", "role_assigned", ANN, BEN, {"new_value": {"type": ["ROLES_ADMIN"]}, "previous_value": None}),
    audit(
        12,
        "11:00:00",
        "role_assigned",
        ANN,
        {"type": "role", "role": {"id": "Rl1", "name": "Users Admin", "type": "0"}},
        {"target_user": {"id": "W3", "name": "Gus Guest", "email": "gus@example.com"}},
    ),
    audit(13, "10:00:00", "owner_transferred", ANN, WORKSPACE, {"target_user": "W2"}, {"ip_address": ""}),
    audit(13, "11:00:00", "service_owner_transferred", ANN, WORKSPACE, {"target_user": BEN}),
    audit(
        13,
        "12:00:00",
        "user_email_updated",
        ANN,
        BEN,
        {"previous_value": "ben@example.com", "new_value": {"email_address": "ben.b@example.com"}},
    ),
    # An app is installed, gets more scopes, and acts.
    audit(
        14,
        "11:00:00",
        "app_installed",
        ANN,
        TRIAGE,
        {"new_scopes": ["chat:write", "users:read"], "previous_scopes": []},
    ),
    audit(
        15,
        "11:00:00",
        "app_scopes_expanded",
        ANN,
        TRIAGE,
        {
            "new_scopes": ["chat:write", "users:read", "channels:history"],
            "previous_scopes": ["chat:write", "users:read"],
        },
    ),
    audit(15, "12:00:00", "app_approved", ANN, TRIAGE, {"scopes": "not a list"}),
    audit(
        14,
        "12:00:00",
        "app_installed",
        ANN,
        {"type": "app", "app": {**SCRIBE["app"], "bot_scopes": []}},
        {"scopes": [], "bot_scopes": ["channels:history", "files:read", "admin"], "app_owner_id": "W1"},
    ),
    audit(14, "13:00:00", "app_installed", ANN, SCRIBE, {"scopes": [], "is_internal_integration": False}),
    audit(14, "14:00:00", "org_app_workspace_added", ANN, WORKSPACE, {"app_id": "A3", "added_team_id": "T1"}),
    audit(
        15,
        "13:00:00",
        "app_resources_added",
        ANN,
        SCRIBE,
        {
            "permissions": [
                {"resource": {"type": "channel", "grant": {"type": "specific", "resource_id": "C1"}}, "scopes": []},
                {"resource": {"type": "im", "grant": {"type": "wildcard"}}, "scopes": ["im:history"]},
            ]
        },
    ),
    audit(
        16,
        "09:00:00",
        "file_uploaded",
        {"type": "app", "app": TRIAGE["app"]},
        file(900),
        None,
        {"app": TRIAGE["app"], "ua": ""},
    ),
    # Exports, and 100 files within one hour.
    audit(
        16,
        "13:00:00",
        "manual_export_started",
        ANN,
        WORKSPACE,
        {"export_type": "STANDARD", "exporting_team_id": 1134128598372},
    ),
    audit(
        16,
        "14:00:00",
        "manual_export_downloaded",
        ANN,
        WORKSPACE,
        {"succeeded_users": '["W1", "W2"]', "failed_users": []},
    ),
    audit(16, "15:00:00", "enterprise_search_email_attachment_downloaded", BEN, file(901)),
    *[
        audit(
            17, f"15:{n // 2:02}:{n % 2:02}", "file_downloaded", BEN, file(n), {"url_private": "https://files.example/"}
        )
        for n in range(100)
    ],
    *[audit(17, f"17:{n:02}:00", "file_downloaded", GUS, file(n)) for n in range(3)],
    # Anomalies: a list of reasons and a single reason, times in microseconds and in milliseconds.
    audit(
        18,
        "04:00:51",
        "anomaly",
        BEN,
        BEN,
        {
            "reason": ["asn", "ip_address"],
            "action_timestamp": seconds(18, "04:00:00") * 1_000_000,
            "previous_ip_address": "203.0.113.8",
            "previous_ua": "",
            "ip_address_details": ["new-asn"],
            "location": "",
        },
        {"ip_address": "192.0.2.99"},
    ),
    audit(
        18,
        "05:00:01",
        "anomaly",
        GUS,
        GUS,
        {"reason": "tor", "action_timestamp": seconds(18, "05:00:00") * 1_000},
        {"app": None},
    ),
    audit(
        18,
        "06:00:00",
        "pref.anomaly_event_response_changed",
        ANN,
        WORKSPACE,
        {"new_value": ["tor"], "previous_value": []},
    ),
    audit(
        18,
        "07:00:00",
        "user_anomaly_event_reponse_allowlist_changed",
        ANN,
        BEN,
        {"new_value": ["W2"], "previous_value": []},
    ),
    audit(18, "08:00:00", "audit_logs_records_searched_anomaly", ANN, WORKSPACE),
    # Events that detections look for.
    audit(5, "09:00:00", "ekm_unenrolled", ANN, WORKSPACE),
    audit(5, "10:00:00", "file_malicious_content_detected", GUS, file(902), {"md5_hash": "7e2b2819a67bb11b"}),
    audit(6, "09:00:00", "pref.sso_setting_changed", ANN, WORKSPACE, {"new_value": "optional", "previous_value": ""}),
    audit(
        6,
        "10:00:00",
        "legal_hold_policy_released",
        ANN,
        {"type": "legal_hold_policy", "legal_hold_policy": {"id": "LH1", "name": "Case 7"}},
    ),
    *[
        audit(7, f"03:00:{n:02}", "user_login_failed", GUS, GUS, context={"ip_address": "192.0.2.66"})
        for n in range(10)
    ],
    *[audit(7, f"04:00:{n:02}", "user_login_failed", GUS, GUS) for n in range(9)],
    # Guests and other organizations.
    audit(8, "09:00:00", "guest_created", ANN, GUS),
    audit(
        9,
        "09:00:00",
        "external_shared_channel_invite_sent",
        ANN,
        channel("C1", "proj-orbit"),
        {"external_organization_id": "E9", "external_organization_name": "Supplier Ltd", "invite_id": "I1"},
    ),
    audit(10, "09:00:00", "connect_dm_invite_generated", BEN, BEN, {"external_user_email": "zoe@supplier.example"}),
    audit(10, "10:00:00", "file_public_link_created", BEN, file(7)),
    audit(
        10,
        "11:00:00",
        "external_auth_oauth2_token_fetched",
        BEN,
        {"type": "external_auth_oauth2_token", "external_auth_oauth2_token": {}},
    ),
    audit(
        10,
        "12:00:00",
        "pref.who_can_manage_guests",
        ANN,
        WORKSPACE,
        {"new_value": {"type": ["ADMIN"]}, "previous_value": {}},
    ),
    # Other entity types, and an agent that acted on behalf of a user.
    audit(
        20,
        "07:00:00",
        "message_tombstoned",
        ANN,
        {"type": "message", "message": {"team": "T1", "channel": "C1", "timestamp": "1779000000.000100"}},
    ),
    audit(
        20,
        "07:01:00",
        "slack_ai_canvas_content_generated",
        ANN,
        {"type": "canvas", "canvas": {"id": "F1", "filetype": "quip", "title": "Plan"}},
        None,
        {
            "acting_agent": "slackbot_ai",
            "agent_message": {"channel_id": "D1", "message_ts": "1779000000.000200", "thread_ts": ""},
        },
    ),
    # Other structures of the fields that a view extracts, before the days that the queries read.
    audit(
        -15,
        "09:00:00",
        "template_created",
        ANN,
        {"type": "template", "template": {"id": "Tm1", "template_name": "Onboarding"}},
    ),
    audit(
        -15,
        "10:00:00",
        "app_scopes_expanded",
        ANN,
        {"type": "app", "app": {"app_id": "A2", "distribution_type": "org", "user_ids": ["W1"]}},
        {"scopes": ["chat:write", "files:read"], "old_scopes": ["chat:write"]},
    ),
    # Details as a list of objects, scopes as a string, and a list as JSON in a string.
    audit(
        -15,
        "11:00:00",
        "app_scopes_expanded",
        ANN,
        TRIAGE,
        [
            {"new_scopes": [], "previous_scopes": []},
            {"new_scopes": "files:write,im:history", "old_scopes": '["chat:write"]', "target_user_id": "W3"},
        ],
    ),
    audit(
        -14, "09:00:00", "user_channel_join", BEN, channel("C1", "proj-orbit"), {"type": "invited", "inviter": ANN}
    ),
    audit(
        -14,
        "10:00:00",
        "user_channel_join",
        GUS,
        channel("C1", "proj-orbit"),
        {"type": "invited", "inviter": BEN["user"]},
    ),
    audit(
        -13,
        "09:00:00",
        "anomaly",
        GUS,
        GUS,
        {"reason": ["unexpected_client"], "action_timestamp": 10**30, "previous_ua": PHONE},
    ),
    audit(-13, "10:00:00", "pref.allow_calls", ANN, WORKSPACE, {"new_value": "true", "previous_value": "false"}),
    # Duplicate keys in a row and in its details; rows without an ID, without a time, and that are not an object.
    '{"id":"twice","id":"twice","date_create":%d,"action":"app_uninstalled","actor":%s,'
    '"details":{"is_workflow":false,"is_workflow":true}}' % (seconds(20, "07:02:00"), json.dumps(ANN)),
    '{"action":"app_uninstalled","actor":null,"entity":"A1","context":[],"details":"text"}',
    "null",
]

ACCESS = [
    access(-20, "08:00:00", "W1", "ann", "203.0.113.7", MAC, "DE", "Beispiel Netz"),
    access(19, "08:00:00", "W1", "ann", "203.0.113.7", MAC_LATER, "DE", "Beispiel Netz", region="Hessen"),
    access(20, "06:29:00", "W1", "ann", "198.51.100.9", PHONE, "US", "Example Net"),
    access(-5, "08:00:00", "W2", "ben", "2001:db8:7::1", LINUX),
    access(18, "09:10:00", "W2", "ben", "2001:db8:7::9", LINUX, later=0),
    access(-5, "09:00:00", "W2", "ben", "2001:db8:7::1", PIXEL),
    access(18, "09:20:00", "W2", "ben", "2001:db8:7::1", PIXEL_LATER),
    access(18, "09:30:00", "W2", "ben", "2001:db8:7::1", OTHER_PIXEL, ""),
    access(17, "16:59:00", "W3", "gus", "192.0.2.44", "ApiApp/A1 python-requests/2.32.4", "FR"),
    access(17, "17:30:00", "W3", "gus", None, "", later=9 * 10**18),  # last seen at a time that no calendar has
    '"no object"',
]

INTEGRATION = {
    "T1": [
        integration(
            14, "11:00:00", "added", "W1", "ann", app_id="A1", app_type="Ticket Triage", scope="chat:write,users:read"
        ),
        integration(
            15,
            "11:00:00",
            "expanded",
            "W1",
            "ann",
            app_id="A1",
            app_type="Ticket Triage",
            scope="channels:history",
            resolution="approved",
            admin_app_id="A9",
        ),
        integration(
            16, "08:00:00", "disabled", "W2", "ben", service_id=1234567890, service_type="Jenkins CI", reason="admin"
        ),
    ],
    "T2": [
        integration(
            16, "09:00:00", "enabled", "W2", "ben", service_id="1234567890", service_type="Jenkins CI", channel="C1"
        ),
        integration(
            19,
            "10:00:00",
            "added",
            "W1",
            "ann",
            service_id="4455",
            service_type="RSS",
            rss_feed=True,
            rss_feed_change_type="added",
            rss_feed_title="Status",
            rss_feed_url="https://status.example/feed.rss",
        ),
        "17",
    ],
}
