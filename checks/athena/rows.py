"""Builds rows as JSON text, as Slack writes them."""

import json
from datetime import UTC, datetime

MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)


def seconds(day: int, time: str) -> int:
    """Returns the Unix time of a time in May 2026. Days below 1 count back into April."""
    hour, minute, second = (int(part) for part in time.split(":"))
    return int(datetime(2026, 5, 1, hour, minute, second, tzinfo=UTC).timestamp()) + (day - 1) * 86_400


def user(id: str, name: str, **more) -> dict:
    return {
        "type": "user",
        "user": {"id": id, "name": name, "email": f"{name.split()[0].lower()}@example.com", "team": "E1", **more},
    }


def file(number: int) -> dict:
    return {
        "type": "file",
        "file": {"id": f"F{number:03}", "name": f"plan-{number}.pdf", "filetype": "pdf", "title": ""},
    }


def channel(id: str, name: str, **more) -> dict:
    shape = {"id": id, "name": name, "privacy": "public", "is_shared": True, "is_org_shared": False, **more}
    return {"type": "channel", "channel": shape}


def audit(
    day: int, time: str, action: str, actor: dict, entity: dict | None = None, details=None, context=None, **more
) -> str:
    """Returns an audit row. Its ID contains the time and the action, so that two rows are never equal by accident."""
    record = {
        "id": f"{day:03}-{time.replace(':', '')}-{action}",
        "date_create": seconds(day, time),
        "action": action,
        "actor": actor,
    }
    if entity:
        record["entity"] = entity
    record["context"] = {
        "location": {"type": "workspace", "id": "T1", "name": "Example HQ", "domain": "example-hq"},
        "ua": MAC,
        "ip_address": "203.0.113.7",
        "session_id": 12177102026566,
        **(context or {}),
    }
    if details is not None:
        record["details"] = details
    return json.dumps(record | more, separators=(",", ":"))


def access(
    day: int,
    time: str,
    user: str,
    name: str,
    ip,
    user_agent: str,
    country=None,
    isp=None,
    region=None,
    later: int = 3_600,
) -> str:
    first = seconds(day, time)
    return json.dumps(
        {
            "user_id": user,
            "username": name,
            "date_first": first,
            "date_last": first + later,
            "count": 14,
            "ip": ip,
            "user_agent": user_agent,
            "isp": isp,
            "country": country,
            "region": region,
        }
    )


def integration(day: int, time: str, change: str, user: str, name: str, **what) -> str:
    return json.dumps(
        {"user_id": user, "user_name": name, "date": str(seconds(day, time)), "change_type": change, **what}
    )
