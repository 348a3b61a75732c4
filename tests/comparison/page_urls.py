"""Writes a configuration file for curl with the URLs of all pages, so that curl need not read page cursors."""

import json
import sys
import urllib.parse
import urllib.request

url, token, file = sys.argv[1:]
with open(file, "w") as output:
    output.write(f'header = "Authorization: Bearer {token}"\n')
    cursor = None
    while cursor != "":
        parameters = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page_url = f"{url}logs?{urllib.parse.urlencode(parameters)}"
        output.write(f'url = "{page_url}"\n')
        request = urllib.request.Request(page_url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as response:
            cursor = json.load(response)["response_metadata"]["next_cursor"]
