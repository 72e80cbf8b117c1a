"""NCANode, which checks signatures of the country's certification authority (docs/signing.md).

Contract: NCANode 3.x, its ``openapi.yml``: ``POST /cms/verify`` with ``cms``, ``data`` (base64) and
``revocationCheck``; ``POST /cms/sign`` for the organisation's seal. What it does not clearly say is unknown, and never
valid.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson

from engine.events.identifiers import IIN
from engine.kernel.errors import DecisionRefused, IdentifierError
from engine.kernel.ports import SignatureVerdict, TimeSource
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.notices.completeness import NO_NCANODE
from engine.notices.reasons import (
    AWAY,
    EXPIRED,
    NO_CMS,
    NOBODY,
    NOT_SEALED,
    ODD,
    REVOKED,
    TO_SIGN_IN,
    UNCONFIRMED,
    WRONG,
)  # fmt: skip
from infra.outbound.cms import CmsFault, signer_serial
from infra.outbound.orders import Answer, HttpPost
from infra.settings.signing import SigningSettings

MOST = 512 * 1024


class Unchecked:
    """Stands where no service is set: nothing is known of any signature."""

    def verify(self, cms: bytes, data: bytes) -> SignatureVerdict:
        """Say that it is not known."""
        return SignatureVerdict(outcome="unknown", reason=NO_NCANODE)


class NcaNode:
    """Asks NCANode."""

    def __init__(self, http: HttpPost, url: str, clock: TimeSource) -> None:
        self.http = http
        self.url = url.rstrip("/")
        self.clock = clock
        self.source = f"NCANode {urlsplit(url).netloc}"

    def verify(self, cms: bytes, data: bytes) -> SignatureVerdict:
        """Say what a detached signature of one person over exactly these bytes is worth."""
        try:
            serial = signer_serial(cms)
        except CmsFault as fault:
            return self._invalid(str(fault))
        asked = {"cms": _text(cms), "data": _text(data), "revocationCheck": ["OCSP"]}
        answer = self._ask("/cms/verify", asked)
        if answer.error:
            return self._unknown(AWAY)
        if answer.status == 400:  # how NCANode says that it cannot read a signature
            return self._invalid(NO_CMS) if _said(answer).get("status") == 400 else self._unknown(ODD)
        said = _said(answer)
        if answer.status != 200 or said.get("status") != 200:
            return self._unknown(AWAY if answer.status >= 500 else ODD)
        return self._judged(said, serial)

    def seal(self, data: bytes, key: bytes, password: str) -> bytes:
        """Return a detached, time-stamped signature of the organisation's seal. Raise DecisionRefused."""
        signer = {"key": _text(key), "password": password}
        answer = self._ask("/cms/sign", {"data": _text(data), "signers": [signer], "withTsp": True, "detached": True})
        said = _said(answer)
        try:
            cms = base64.b64decode(str(said.get("cms") or ""), validate=True)
            signer_serial(cms)
        except (binascii.Error, ValueError):
            cms = b""
        if answer.status != 200 or said.get("status") != 200 or not cms:
            raise DecisionRefused(AWAY if answer.error else NOT_SEALED)
        return cms

    def _ask(self, path: str, document: Mapping[str, Any]) -> Answer:
        body = orjson.dumps(document)
        more = {"Accept": "application/json"}
        return self.http.ask(f"{self.url}{path}", sha256(body).hexdigest()[:32], body, more, MOST)

    def _invalid(self, reason: str) -> SignatureVerdict:
        return SignatureVerdict(outcome="invalid", reason=reason, source=self.source)

    def _unknown(self, reason: str) -> SignatureVerdict:
        return SignatureVerdict(outcome="unknown", reason=reason, source=self.source)

    def _judged(self, said: Mapping[str, Any], serial: int | None) -> SignatureVerdict:
        """Say what an answer makes of the signature: valid only where every part of it says so."""
        signers = said.get("signers")
        signer = signers[0] if isinstance(signers, list) and len(signers) == 1 else None
        held = signer.get("certificates") if isinstance(signer, dict) else None
        found = held[0] if isinstance(held, list) and len(held) == 1 else None
        if not isinstance(signer, dict) or not isinstance(found, dict) or not isinstance(said.get("valid"), bool):
            return self._unknown(ODD)
        begins, ends = _instant(found.get("notBefore")), _instant(found.get("notAfter"))
        if begins is None or ends is None or not _is_serial(found.get("serialNumber"), serial):
            return self._unknown(ODD)
        listed = found.get("revocations")
        revocations = [_table(it) for it in listed] if isinstance(listed, list) else []
        if any(it.get("revoked") is True for it in revocations):
            return self._invalid(REVOKED)
        if not begins <= self.clock.now() < ends:
            return self._invalid(EXPIRED)
        if found.get("valid") is not True:
            return self._invalid(UNCONFIRMED)
        if said["valid"] is not True:
            return self._invalid(WRONG)
        answered = [it.get("revoked") is False for it in revocations if it.get("by") == "OCSP"]
        if not answered or not all(answered):
            return self._unknown(ODD)
        if found.get("keyUsage") != "SIGN":
            return self._invalid(TO_SIGN_IN) if found.get("keyUsage") == "AUTH" else self._unknown(ODD)
        return self._of(found, signer.get("tsp"), ends)

    def _of(self, found: Mapping[str, Any], tsp: object, ends: datetime) -> SignatureVerdict:
        subject, issuer = _table(found.get("subject")), _table(found.get("issuer"))
        try:
            iin = IIN.parse(subject.get("iin")).value
        except IdentifierError:
            return self._invalid(NOBODY)
        return SignatureVerdict(
            outcome="valid", source=self.source, signer=_words(subject, "commonName") or _words(subject, "dn"), iin=iin,
            organisation=_words(subject, "organization"), bin=_words(subject, "bin"),
            certificate=str(found["serialNumber"])[:100], issuer=_words(issuer, "commonName"), valid_until=ends,
            stamped_at=_instant(_table(tsp).get("genTime")), revocation="OCSP",
        )  # fmt: skip


def checker_of(settings: SigningSettings, clock: TimeSource) -> NcaNode | Unchecked:
    """Return who checks signatures for a house."""
    if settings.ncanode_url is None:
        return Unchecked()
    return NcaNode(HttpPost(clock, settings.ncanode_timeout_s), settings.ncanode_url, clock)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _said(answer: Answer) -> dict[str, Any]:
    try:
        return _table(orjson.loads(answer.body))
    except orjson.JSONDecodeError:
        return {}


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    return value[:300] if isinstance(value, str) else ""


def _instant(value: object) -> datetime | None:
    try:
        return parse_rfc3339(value)
    except NotAnInstant:
        return None


def _is_serial(said: object, serial: int | None) -> bool:
    """Say whether the certificate that was looked at is the one that the signature names."""
    try:
        return isinstance(said, str) and serial in (None, int(said, 16))
    except ValueError:
        return False
