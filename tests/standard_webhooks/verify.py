"""Verifies received deliveries with the library `standardwebhooks` from PyPI.

Reads a file of JSON lines {"secret", "headers", "body_base64", "valid"}, checks that each verifies
exactly if it is said to be valid, and prints how many were checked.
"""

import base64
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verifies(line: dict) -> bool:
    body = base64.b64decode(line["body_base64"])
    try:
        Webhook(line["secret"]).verify(body, line["headers"])
    except WebhookVerificationError:
        return False
    return True


def main() -> None:
    checked = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for number, text in enumerate(lines, start=1):
            line = json.loads(text)
            if verifies(line) != line["valid"]:
                sys.exit(f"line {number}: {line['headers']} should be valid: {line['valid']}")
            checked += 1
    print(checked)


main()
