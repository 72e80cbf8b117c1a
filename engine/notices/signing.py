"""Signing a notice: which bytes are signed, and what is known of a signature over them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from engine.kernel.errors import DecisionRefused, InputError
from engine.kernel.facts import Person
from engine.kernel.ports import SignatureVerdict
from engine.notices.facts import NoticeSigned, NoticeSignedByHand
from engine.notices.notice import Notice, recipients
from engine.notices.reasons import UNKNOWN

FORMAT = "qorgau-notice-1"
MOST = 256 * 1024
"""Bytes of a signature; one with its chain and a time stamp has some ten thousand."""
_ARMOUR = re.compile(r"-----(?:BEGIN|END) (?:CMS|PKCS7)-----")


def to_sign(notice: Notice, *, to: str = "", list_sha256: str = "") -> bytes:
    """Return the bytes that are signed: what the notice says in all its languages, to whom, as which kind and version.

    JSON in UTF-8, its keys sorted, without space. ``to`` and ``list_sha256`` are the recipients and the hash of the
    list of people as they are approved with it; of an approved notice they are known.
    """
    document = {
        "format": FORMAT,
        "notice": notice.id,
        "kind": notice.kind,
        "stage": notice.stage,
        "incident": notice.incident_id,
        "subject": notice.subject,
        "recipients": recipients(to or notice.recipient),
        "version": len(notice.versions),
        "list_sha256": list_sha256 or notice.list_sha256,
        "content": notice.content,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def signature_bytes(text: str) -> bytes:
    """Return a signature that came as base64, with or without PEM lines around it. Raise InputError."""
    plain = "".join(_ARMOUR.sub("", text).split())
    try:
        found = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or len(found) > MOST:
        raise InputError("a signature is a detached CMS in base64", field="signature")
    return found


def signed(
    notice: Notice, data: bytes, cms: bytes, verdict: SignatureVerdict, document_id: str, *, by: Person, at: datetime
) -> NoticeSigned:
    """Return the fact that the approver signed. Raise DecisionRefused for a signature that was not found valid."""
    if verdict.outcome != "valid":
        raise DecisionRefused(UNKNOWN)
    return NoticeSigned(
        at=at, actor=by.id, notice_id=notice.id, signed_sha256=sha256(data).hexdigest(), signer=verdict.signer,
        signer_iin=last_digits(verdict.iin), organisation=verdict.organisation, organisation_bin=verdict.bin,
        certificate=verdict.certificate, issuer=verdict.issuer, valid_until=verdict.valid_until,
        stamped_at=verdict.stamped_at, revocation=verdict.revocation, verified_by=verdict.source,
        document_id=document_id, cms_sha256=sha256(cms).hexdigest(),
    )  # fmt: skip


def last_digits(iin: str) -> str:
    """Show of an IIN only what tells two people of a house apart."""
    return f"••••••••{iin[-4:]}" if iin else ""


def by_hand(
    notice: Notice, document_id: str, digest: str, channel: str, *, by: Person, at: datetime, handed_at: datetime
) -> Sequence[NoticeSignedByHand]:
    """Return the fact that the paper that was handed over is signed: a person says so, and its scan is kept."""
    return [
        NoticeSignedByHand(
            at=at, actor=by.id, notice_id=notice.id, channel=channel.strip(), handed_at=handed_at,
            document_id=document_id, document_sha256=digest,
        )
    ]  # fmt: skip


def signature_of(notice: Notice) -> dict[str, Any] | None:
    """Say how a notice is signed: digitally, by hand with its scan, or None where nothing of it is recorded."""
    found = notice.signed or notice.signed_by_hand
    if found is None:
        return None
    way = "digital" if notice.signed is not None else "by_hand"
    return {"way": way, **found.model_dump(mode="json", exclude={"notice_id", "reason"})}
