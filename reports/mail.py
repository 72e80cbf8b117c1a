"""A notice as an RFC 5322 message: its Message-ID is made of the notice's id, so a copy is known as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from engine.kernel.errors import InputError


def message(
    *,
    notice_id: str,
    kind: str,
    sender: str,
    recipient: str,
    subject: str,
    text: str,
    attachments: Sequence[tuple[str, str, bytes]],
    at: datetime,
    client: str | None = None,
    repeat: int | None = None,
) -> EmailMessage:
    """Build the message; ``attachments`` are (name, media type, bytes), ``repeat`` marks what may be a copy.

    Raise InputError for an address or header that could smuggle another one in.
    """
    for name, value in (("sender", sender), ("recipient", recipient), ("subject", subject), ("client", client or "")):
        if any(ord(ch) < 32 or ch == "\x7f" for ch in value):
            raise InputError("control characters do not belong into a mail header", field=name)
    mail = EmailMessage(policy=SMTP)
    domain = sender.rsplit("@", 1)[-1]
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{notice_id}@{domain}>"
    mail["X-Qorgau-Notice"] = f"{kind}; {notice_id}"
    if client is not None:
        mail["X-Qorgau-Client"] = client
    if repeat is not None:
        mail["X-Qorgau-Repeat"] = str(repeat)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    for name, media_type, data in attachments:
        main, _, sub = media_type.partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail
