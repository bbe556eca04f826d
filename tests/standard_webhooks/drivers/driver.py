"""Asks the guide's Python, which lies beside this file as webhook.py, whether deliveries are genuine.

Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an empty
header is left out. Prints true or false for each.
"""

import base64
import sys

from webhook import is_genuine

NAMES = ("Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")

with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        secret, *values, body = line.rstrip("\n").split("\t")
        headers = {name: value for name, value in zip(NAMES, values) if value}
        print("true" if is_genuine(secret, headers, base64.b64decode(body)) else "false")
