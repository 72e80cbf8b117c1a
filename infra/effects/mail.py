"""Handing out notices and alerts: a spool of .eml files by default, SMTP through aiosmtplib where it is configured.

SMTP tells refusal from doubt: a connection lost after the data was sent proves neither, so the outcome is ``unknown``
and a person decides (measured: such a message may well have been taken).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import aiosmtplib
from aiosmtplib import errors as smtp_errors

from engine.notices import Notice
from engine.ports import Clock, Delivery, Intent
from infra.notice_documents import notice_document
from infra.settings import Settings
from infra.store.decisions import Decisions
from reports.mail import message
from reports.render import RenderError, render
from reports.wording import title


class Transport(Protocol):
    """Takes a finished message. ``repeatable`` says whether asking again after a crash does no harm."""

    repeatable: bool
    channel: str

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        """Hand the message over and say what became of it."""
        ...


class Spool:
    """Writes messages into a folder, one file per key; a file that is there already is the same message."""

    repeatable = True
    channel = "spool"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        """Write the message durably: a temporary file, then one rename."""
        path = self.folder / f"{''.join(ch if ch.isalnum() or ch in '-_' else '-' for ch in key)}.eml"
        if not path.exists():
            draft = path.with_suffix(".part")
            with draft.open("wb") as file:
                file.write(mail.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        return Delivery(outcome="done", reference=str(mail["Message-ID"] or path.name))


class Smtp:
    """Sends through a mail server."""

    repeatable = False
    channel = "smtp"

    def __init__(self, settings: Settings, timeout_s: float = 30.0) -> None:
        assert settings.smtp_host is not None
        self.settings = settings
        self.timeout_s = timeout_s

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        """Send to the one recipient of the message."""
        return asyncio.run(self._deliver(mail))

    async def _deliver(self, mail: EmailMessage) -> Delivery:
        tls = self.settings.smtp_tls
        client = aiosmtplib.SMTP(
            hostname=self.settings.smtp_host,
            port=self.settings.smtp_port,
            use_tls=tls == "tls",
            start_tls=tls == "starttls",
            tls_context=ssl.create_default_context() if tls != "none" else None,
            timeout=self.timeout_s,
        )
        try:
            await client.connect()
            if self.settings.smtp_user is not None:
                await client.login(self.settings.smtp_user, self.settings.smtp_password or "")
            await client.mail(str(mail["From"]))
            await client.rcpt(str(mail["To"]))
        except smtp_errors.SMTPResponseException as error:
            return _answer(error.code, error.message)
        except (smtp_errors.SMTPException, OSError) as error:
            return Delivery(outcome="retry", detail=f"before the data: {type(error).__name__}")
        try:
            answer = await client.data(mail.as_bytes())
        except smtp_errors.SMTPResponseException as error:
            if isinstance(error, smtp_errors.SMTPServerDisconnected) or error.code < 400:
                return Delivery(outcome="unknown", detail="the connection was lost after the data was sent")
            return _answer(error.code, error.message)
        except (smtp_errors.SMTPException, OSError) as error:
            return Delivery(outcome="unknown", detail=f"after the data: {type(error).__name__}")
        finally:
            client.close()
        return Delivery(outcome="done", reference=f"{answer.code} {answer.message}"[:200])


def _answer(code: int, text: str) -> Delivery:
    return Delivery(outcome="refused" if code >= 500 else "retry", detail=f"{code} {text}"[:300])


class NoticeMail:
    """Performs the intent ``mail``: renders an approved notice and hands it out."""

    def __init__(self, decisions: Decisions, clock: Clock, settings: Settings, transport: Transport) -> None:
        self.decisions = decisions
        self.clock = clock
        self.settings = settings
        self.transport = transport

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm."""
        return self.transport.repeatable

    def perform(self, intent: Intent) -> Delivery:
        """Render and hand out."""
        notice = self.decisions.load(Notice, str(intent.payload["notice_id"]))
        document, number = notice_document(self.decisions, notice)
        try:
            pdf, text = render(document, "pdf"), render(document, "txt").decode()
        except RenderError as error:
            return Delivery(outcome="retry", detail=error.message)
        mail = message(
            notice_id=notice.id,
            kind=notice.kind,
            sender=self.settings.mail_from,
            recipient=notice.recipient,
            subject=f"{title(notice.kind, 'ru')} / {title(notice.kind, 'kk')}: {number}",
            text=text,
            pdf=pdf,
            at=notice.approved_at or self.clock.now(),
            client=notice.subject or None,
        )
        return self.transport.deliver(notice.id, mail)


class AlertMail:
    """Performs the intent ``alert``: one plain mail to the people who must know."""

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm."""
        return True

    def perform(self, intent: Intent) -> Delivery:
        """Hand the alert out; telling twice does no harm, not telling does."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.settings.mail_from, self.settings.alert_mail
        mail["Subject"] = f"[qorgau] {intent.payload['subject']}"
        mail["Message-ID"] = f"<{intent.key.replace(':', '-')}@{self.settings.mail_from.rsplit('@', 1)[-1]}>"
        mail["Date"] = datetime.fromisoformat(str(intent.payload["at"]))
        mail.set_content(str(intent.payload["text"]))
        return self.transport.deliver(intent.key, mail)


def transport_for(settings: Settings) -> Transport:
    """Choose the transport the settings name."""
    return Smtp(settings) if settings.smtp_host else Spool(settings.data / "spool")
