"""Reads deliveries as CloudEvents with the library `cloudevents` from PyPI.

Reads a file of JSON lines {"content_type", "body", "type", "data"}, checks that the library takes
each as an event of version 1.0 with that type and data, and prints how many were checked.
"""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event


def main() -> None:
    checked = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for text in lines:
            line = json.loads(text)
            message = HTTPMessage(
                headers={"content-type": line["content_type"]}, body=line["body"].encode()
            )
            # It raises where an attribute is missing or not as the specification has it.
            event = from_http_event(message)
            told = (event.get_specversion(), event.get_type(), event.get_data())
            if told != ("1.0", line["type"], line["data"]):
                sys.exit(f"{line['type']}: {told}")
            if not event.get_id().startswith("evt_") or not event.get_source():
                sys.exit(f"{line['type']}: {event.get_id()} {event.get_source()}")
            if event.get_time() is None or event.get_datacontenttype() != "application/json":
                sys.exit(f"{line['type']}: {event.get_time()} {event.get_datacontenttype()}")
            checked += 1
    print(checked)


main()
