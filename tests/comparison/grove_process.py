"""Runs Grove once, with the audit API of the simulated Slack instead of Slack's own."""

import os

from grove.connectors.slack import api
from grove.entrypoints import local_process

api.API_BASE_URI = os.environ["SLACK_AUDIT_URL"].rstrip("/")
local_process.entrypoint()
