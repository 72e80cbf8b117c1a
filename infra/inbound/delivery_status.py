"""Mail that comes back: delivery status notifications (RFC 3464) and what they say of our notices."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage, Message

from engine.kernel.errors import InputError

_OURS = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.[0-9a-f]{8})?@")
LARGEST = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounce:
    """One recipient of one notice that the mail system gave up on. ``action`` is failed, delayed, delivered …"""

    notice_id: str
    recipient: str
    action: str
    status: str
    detail: str


def read_bounce(data: bytes) -> list[Bounce]:
    """Read a returned message; return what it says of each recipient. Raise InputError for no report on ours."""
    if len(data) > LARGEST:
        raise InputError("the message is too large", field="mail")
    mail = email.message_from_bytes(data, policy=email.policy.default)
    notice = _notice_of(mail)
    if notice is None:
        raise InputError("the message is not about a notice of ours", field="mail")
    found = []
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else []:
            if not isinstance(block, Message):
                continue
            recipient = _address(block.get("Final-Recipient") or block.get("Original-Recipient"))
            if recipient:
                action = str(block.get("Action", "failed")).strip().lower()
                detail = " ".join(str(block.get("Diagnostic-Code", "")).split())
                found.append(Bounce(notice, recipient, action, str(block.get("Status", "")).strip()[:20], detail[:300]))
    if not found:
        raise InputError("the message reports no delivery (RFC 3464)", field="mail")
    return found


def _notice_of(mail: EmailMessage | Message) -> str | None:
    """Find our Message-ID in the returned headers, or in what the report refers to."""
    for part in mail.walk():
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers"):
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else inner
            text = first.as_string() if isinstance(first, Message) else str(first)
            match = re.search(r"(?im)^message-id:\s*" + _OURS.pattern, text)
            if match:
                return match[1]
    for name in ("In-Reply-To", "References"):
        match = _OURS.search(str(mail.get(name, "")))
        if match:
            return match[1]
    return None


def _address(text: object) -> str:
    """Take ``rfc822; somebody@example.kz`` apart."""
    return str(text or "").rpartition(";")[2].strip()[:254]
