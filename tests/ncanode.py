"""A server of NCANode's documented contract (its ``openapi.yml``) that really verifies, with ``openssl cms``; and an
authority that certifies people with the names that the country's certificates have."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from tests.support import MONDAY

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@dataclass
class Key:
    """A person's key with its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def sign(self, data: bytes, *, detached: bool = True, also: Key | None = None) -> bytes:
        """Sign as NCALayer does: CMS with the certificate in it."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
        for it in (self, also):
            if it is not None:
                builder = builder.add_signer(it.certificate, it.key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.Binary, *([pkcs7.PKCS7Options.DetachedSignature] if detached else [])]
        return builder.sign(DER, options)

    def keystore(self, password: str) -> bytes:
        """The key as PKCS12."""
        sealed = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"seal", self.key, self.certificate, None, sealed)


class Centre:
    """Issues certificates."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (TEST)")])
        self.certificate = self._certificate(self.name, self.key, at - timedelta(days=900), 1800, ca=True)

    def issue(self, name: str, iin: str, *, bin: str = "", days: int = 365, use: str = "SIGN") -> Key:
        """Certify somebody, from a hundred days before."""
        names = [(NameOID.COMMON_NAME, name), (NameOID.COUNTRY_NAME, "KZ")]
        names += [(NameOID.SERIAL_NUMBER, f"IIN{iin}")] if iin else []
        names += [(NameOID.ORGANIZATION_NAME, "TEST LLP"), (NameOID.ORGANIZATIONAL_UNIT_NAME, f"BIN{bin}")] * bool(bin)
        subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
        key = rsa.generate_private_key(65537, 2048)
        return Key(key, self._certificate(subject, key, self.at - timedelta(days=100), days, use=use))

    def _certificate(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, begins: datetime, days: int, *, ca: bool = False,
        use: str = "SIGN",
    ) -> x509.Certificate:  # fmt: skip
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=use == "SIGN", key_encipherment=use == "AUTH",
            data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins)
        builder = builder.not_valid_after(begins + timedelta(days=days)).add_extension(usage, critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256())


@dataclass
class Node:
    """What the server knows and does; ``answer`` is given instead of the truth where it is set."""

    centre: Centre
    folder: Path
    now: datetime = MONDAY
    url: str = ""
    revoked: set[int] = field(default_factory=set)
    ocsp: bool = True
    answer: tuple[int, str, bytes] | None = None
    change: dict[str, Any] = field(default_factory=dict)
    """What its answer says otherwise than it should."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def reply(self, path: str, asked: dict[str, Any]) -> tuple[int, str, bytes]:
        self.asked.append((path, asked))
        if self.answer is not None:
            return self.answer
        try:
            said = self._verify(asked) if path == "/cms/verify" else self._sign(asked)
            return 200, "application/json", orjson.dumps({"status": 200, "message": "OK", **said, **self.change})
        except ValueError as error:
            return 400, "application/json", orjson.dumps({"status": 400, "message": str(error)})

    def _verify(self, asked: dict[str, Any]) -> dict[str, Any]:
        """As ``CmsService.verify``: data beside a signature that brings its own are left aside."""
        cms = base64.b64decode(asked["cms"])
        try:
            found = pkcs7.load_der_pkcs7_certificates(cms)
        except ValueError:
            raise ValueError("Malformed content.") from None
        (self.folder / "cms").write_bytes(cms)
        (self.folder / "root").write_bytes(self.centre.certificate.public_bytes(PEM))
        (self.folder / "data").write_bytes(base64.b64decode(asked.get("data") or ""))
        whole = self._holds() or self._holds("-content", "data")
        certificates = [self._certificate(it) for it in found]
        valid = whole and all(it["valid"] for it in certificates)
        return {"valid": valid, "signers": [{"certificates": [it], "tsp": None} for it in certificates]}

    def _holds(self, *more: str) -> bool:
        words = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", *more, "-CAfile", "root"]
        words += ["-purpose", "any", "-no_check_time", "-out", "/dev/null"]
        return subprocess.run(words, cwd=self.folder, capture_output=True, check=False).returncode == 0

    def _certificate(self, it: x509.Certificate) -> dict[str, Any]:
        usage = it.extensions.get_extension_for_class(x509.KeyUsage).value
        revoked = it.serial_number in self.revoked
        dates = it.not_valid_before_utc <= self.now < it.not_valid_after_utc
        signing = usage.digital_signature and usage.content_commitment
        return {
            "valid": dates and self._issued(it) and self.ocsp and not revoked,
            "revocations": [{"revoked": revoked, "by": "OCSP", "revocationTime": None, "reason": None}],
            "notBefore": _stamp(it.not_valid_before_utc), "notAfter": _stamp(it.not_valid_after_utc),
            "keyUsage": "SIGN" if signing else "AUTH", "serialNumber": f"{it.serial_number:x}",
            "signAlg": "SHA256WITHRSA", "keyUser": ["INDIVIDUAL"], "publicKey": "", "signature": "",
            "subject": _subject(it.subject), "issuer": _subject(it.issuer),
        }  # fmt: skip

    def _issued(self, it: x509.Certificate) -> bool:
        try:
            it.verify_directly_issued_by(self.centre.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _sign(self, asked: dict[str, Any]) -> dict[str, Any]:
        signer = asked["signers"][0]
        held, certificate, _ = pkcs12.load_key_and_certificates(
            base64.b64decode(signer["key"]), signer["password"].encode()
        )
        assert isinstance(held, rsa.RSAPrivateKey)
        assert certificate is not None
        made = Key(held, certificate).sign(base64.b64decode(asked["data"]), detached=asked["detached"])
        return {"cms": base64.b64encode(made).decode()}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+00:00")


def _subject(name: x509.Name) -> dict[str, str]:
    found = {"dn": name.rfc4514_string()}
    for it in name:
        value = str(it.value)
        match it.oid:
            case NameOID.COMMON_NAME:
                found["commonName"] = value
            case NameOID.SERIAL_NUMBER:
                found["iin"] = value.removeprefix("IIN")
            case NameOID.ORGANIZATION_NAME:
                found["organization"] = value
            case NameOID.ORGANIZATIONAL_UNIT_NAME:
                found["bin"] = value.removeprefix("BIN")
    return found


@contextmanager
def serving(node: Node) -> Iterator[Node]:
    """Answer requests while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, kind, body = node.reply(self.path, asked)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
