"""A time-stamping authority as a process: HTTP in front of ``openssl ts``, with a certificate made for the test."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = main
[main]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
[ext]
extendedKeyUsage = critical,timeStamping
"""


def make(folder: Path) -> None:
    """Make a root and a stamping certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder), encoding="utf8")
    (folder / "serial").write_text("01\n", encoding="utf8")
    root = ["-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Test root"]
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", *root)
    _openssl(
        folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test TSA"
    )
    signed = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "9"]
    extensions = ["-extfile", "openssl.cnf", "-extensions", "ext", "-out", "tsa.pem"]
    _openssl(folder, "x509", "-req", "-in", "tsa.csr", *signed, *extensions)


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def serve(folder: Path) -> None:
    """Answer requests until killed; the first line on stdout is the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = folder / "query.tsq"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            reply = ["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"]
            _openssl(folder, *reply)
            body = (folder / "reply.tsr").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
