"""Collects audit logs as a short script does: from the newest time so far, page by page, and then stores the newest time."""

import json
import os
import sys
import urllib.parse
import urllib.request

url, folder = os.environ["SLACK_AUDIT_URL"], sys.argv[1]
state = os.path.join(folder, "newest")
newest = int(open(state).read()) if os.path.exists(state) else 0

parameters = {"limit": 1000, "oldest": newest + 1}
entries = []
while True:
    request = urllib.request.Request(f"{url}logs?{urllib.parse.urlencode(parameters)}")
    request.add_header("Authorization", f"Bearer {os.environ['SLACK_TOKEN']}")
    with urllib.request.urlopen(request, timeout=20) as response:
        page = json.load(response)
    entries += page["entries"]
    cursor = page.get("response_metadata", {}).get("next_cursor")
    if not cursor:
        break
    parameters["cursor"] = cursor

os.makedirs(os.path.join(folder, "records"), exist_ok=True)
with open(os.path.join(folder, "records", "audit.json"), "a") as output:
    for entry in entries:
        output.write(json.dumps(entry) + "\n")
with open(state, "w") as file:
    file.write(str(max([newest] + [entry["date_create"] for entry in entries])))
