"""A mail server that does what it is told (aiosmtpd), and a reader of Maildirs.

Both read mails with Python's own `email`, which shares nothing with what wrote them, and print
them as JSON, one a line.

    mailbox.py serve LEDGER MODE [--tls starttls|implicit --cert FILE --key FILE] [--auth U:P]
                    [--utf8]
    mailbox.py read FOLDER

MODE names a file whose first word says what the server does to each mail: ok, mail421, mail450,
greet554, data450, data550, data421, drop, hang, hangmail, starttls454. What a receiver begins
with says what becomes of it alone: no450…, no550….
"""

import argparse
import asyncio
import email
import email.policy
import json
import pathlib
import ssl
import sys

POLICY = email.policy.default


def seen(raw, more):
    """What a mail says, with each fault that the parser finds."""
    message = email.message_from_bytes(raw, policy=POLICY)
    parts = [part for part in message.walk() if not part.is_multipart()]
    faults = [str(fault) for part in message.walk() for fault in part.defects]
    for value in message.values():
        faults += [str(fault) for fault in getattr(value, "defects", [])]

    def body(kind):
        found = [part for part in parts if part.get_content_type() == kind]
        return found[0].get_content() if found else None

    def plain(text):
        # Python keeps bytes beyond ASCII in a header as halves of surrogate pairs.
        return text.encode("utf-8", "surrogateescape").decode("utf-8")

    def people(name):
        fields = message.get_all(name, [])
        return [
            [plain(one.display_name), plain(one.addr_spec)]
            for field in fields
            for one in field.addresses
        ]

    return {
        "headers": sorted({name.lower() for name in message.keys()}),
        "fields": len(message.keys()),
        "from": people("From"),
        "to": people("To"),
        "reply_to": people("Reply-To"),
        "subject": message["Subject"],
        "message_id": message["Message-ID"],
        "date": message["Date"].datetime.isoformat() if message["Date"] else None,
        "auto_submitted": message["Auto-Submitted"],
        "kind": message.get_content_type(),
        "parts": [part.get_content_type() for part in parts],
        "text": body("text/plain"),
        "html": body("text/html"),
        "faults": faults,
        "bare": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
        "ascii": raw.isascii(),
        "longest": max((len(line) for line in raw.split(b"\n")), default=0),
        **more,
    }


def read(folder):
    """Maildirs end their lines with LF, so that nothing is said of bare ones here."""
    for path in sorted(pathlib.Path(folder).rglob("new/*")):
        print(json.dumps(seen(path.read_bytes(), {"box": path.parent.parent.name})))


def serve(options):
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    def mode():
        words = pathlib.Path(options.mode).read_text().split()
        return words[0] if words else "ok"

    class Handler:
        async def handle_MAIL(self, server, session, envelope, address, mail_options):
            match mode():
                case "mail421":
                    return "421 4.3.2 Shutting down"
                case "mail450":
                    return "450 4.2.0 Come back later"
                case "hangmail":
                    await asyncio.sleep(600)
            envelope.mail_from = address
            envelope.mail_options.extend(mail_options)
            return "250 OK"

        async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
            if address.startswith("no450"):
                return "450 4.2.1 The mailbox is busy"
            if address.startswith("no550"):
                return "550 5.1.1 Nobody\x1b[31m here"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            match mode():
                case "data450":
                    return "450 4.3.1 The disk is full"
                case "data550":
                    return "550-5.7.1 This is\r\n550 5.7.1 not wanted"
                case "data421":
                    return "421 4.3.2 Shutting down"
                case "drop":
                    server.transport.abort()
                    return "250 never said"
                case "hang":
                    await asyncio.sleep(600)
            more = {
                "envelope_from": envelope.mail_from,
                "envelope_to": envelope.rcpt_tos,
                "encrypted": server.transport.get_extra_info("sslcontext") is not None,
                "user": getattr(session.auth_data, "login", b"").decode(),
                "options": envelope.mail_options,
            }
            line = json.dumps(seen(envelope.original_content, more))
            # Counted before it is acknowledged: what the client never heard of is there twice.
            with open(options.ledger, "a", encoding="utf-8") as ledger:
                ledger.write(line + "\n")
            return "250 2.0.0 Taken"

    def authenticate(server, session, envelope, mechanism, data):
        user, _, password = options.auth.partition(":")
        fine = isinstance(data, LoginPassword) and (
            data.login.decode(),
            data.password.decode(),
        ) == (user, password)
        session.auth_data = data if fine else None
        return AuthResult(success=fine, handled=False, auth_data=data if fine else None)

    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)

    class Server(SMTP):
        async def smtp_STARTTLS(self, arg):
            if mode() == "starttls454":
                await self.push("454 4.7.0 TLS is not available")
            else:
                await super().smtp_STARTTLS(arg)

        def connection_made(self, transport):
            if mode() == "greet554" and not isinstance(
                transport, asyncio.sslproto._SSLProtocolTransport
            ):
                transport.write(b"554 5.3.2 No service here\r\n")
                transport.close()
                return
            super().connection_made(transport)

    def session():
        return Server(
            Handler(),
            hostname="mail.example.com",
            data_size_limit=32 << 20,
            tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            authenticator=authenticate if options.auth else None,
            auth_required=bool(options.auth),
            auth_require_tls=False,
            auth_callback=None,
            decode_data=False,
            enable_SMTPUTF8=options.utf8,
        )

    async def main():
        loop = asyncio.get_running_loop()
        implicit = context if options.tls == "implicit" else None
        server = await loop.create_server(session, "127.0.0.1", options.port, ssl=implicit)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(main())


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("read").add_argument("folder")
    server = commands.add_parser("serve")
    server.add_argument("ledger")
    server.add_argument("mode")
    server.add_argument("--port", type=int, default=0)
    server.add_argument("--tls", choices=["starttls", "implicit"])
    server.add_argument("--cert")
    server.add_argument("--key")
    server.add_argument("--auth")
    server.add_argument("--utf8", action="store_true")
    options = parser.parse_args()
    if options.command == "read":
        read(options.folder)
    else:
        serve(options)


if __name__ == "__main__":
    sys.exit(main())
