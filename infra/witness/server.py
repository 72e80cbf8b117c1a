"""The witness over HTTP: ``POST /add-checkpoint`` (C2SP tlog-witness) and ``GET /last?origin=`` for auditors."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from infra.witness.keeper import Answer, Keeper

MOST = 64 * 1024


def serve(keeper: Keeper, host: str, port: int) -> ThreadingHTTPServer:
    """Make the server; the caller runs ``serve_forever``."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "qorgau-witness"
        sys_version = ""
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/add-checkpoint":
                self._answer(Answer(404, "there is only /add-checkpoint\n"))
            elif not length.isdigit() or int(length) > MOST:
                self._answer(Answer(413, f"a request has at most {MOST} bytes\n"))
            else:
                self._answer(keeper.add_checkpoint(self.rfile.read(int(length))))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            origin = parse_qs(parts.query).get("origin", [""])[0]
            size, note = keeper.last(origin) if parts.path == "/last" else (0, "")
            self._answer(Answer(200, note) if size else Answer(404, "nothing is kept of this log\n"))

        def _answer(self, answer: Answer) -> None:
            data = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Say nothing: refusals are for the log's operator, who gets them."""

    return ThreadingHTTPServer((host, port), Handler)
