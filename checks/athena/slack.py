"""Serves the samples through the part of Slack's API that a collector needs to read them once."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import samples


@contextmanager
def running():
    """Runs the server on a free loopback port and yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(parse_qs(urlsplit(self.path).query))

    def do_POST(self):
        self.answer(parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))

    def answer(self, arguments: dict[str, list[str]]):
        method = urlsplit(self.path).path.removeprefix("/")
        body = REPLIES[method]({name: values[0] for name, values in arguments.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-OAuth-Scopes", "auditlogs:read,admin")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def auth_test(_) -> str:
    return json.dumps(
        {
            "ok": True,
            "url": "https://example.slack.com/",
            "team": "Example Inc.",
            "user": "ann",
            "team_id": "E1",
            "user_id": "W1",
            "enterprise_id": "E1",
            "is_enterprise_install": True,
        }
    )


def teams(_) -> str:
    return json.dumps({"ok": True, "teams": samples.WORKSPACES, "response_metadata": {"next_cursor": ""}})


def audit(arguments) -> str:
    oldest, latest = int(arguments["oldest"]), int(arguments["latest"])
    # A row without a time belongs to no range, so every range contains it.
    return page("entries", samples.AUDIT, "date_create", lambda time: time is None or oldest <= time <= latest)


def access(_) -> str:
    return page("logins", samples.ACCESS, "date_first", lambda _: True)


def integration(arguments) -> str:
    return page("logs", samples.INTEGRATION[arguments["team_id"]], "date", lambda _: True)


def page(key: str, rows: list[str], time_key: str, belongs) -> str:
    """Returns one page with all rows of the range, newest first. Each row keeps its text."""

    def time(row: str):
        value = json.loads(row)
        return int(value[time_key]) if isinstance(value, dict) and time_key in value else None

    shown = sorted((row for row in rows if belongs(time(row))), key=lambda row: time(row) or 0, reverse=True)
    paging = {"count": 1000, "total": len(shown), "page": 1, "pages": 1}
    rest = json.dumps({"paging": paging, "response_metadata": {"next_cursor": ""}})[1:]
    return f'{{"ok":true,"{key}":[{",".join(shown)}],{rest}'


REPLIES = {
    "audit/v1/logs": audit,
    "api/auth.test": auth_test,
    "api/auth.teams.list": teams,
    "api/team.accessLogs": access,
    "api/team.integrationLogs": integration,
}
