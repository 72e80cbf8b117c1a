"""Handing out notices and alerts: a spool of .eml files by default, SMTP through aiosmtplib where it is configured.

SMTP tells refusal from doubt: a connection lost after the data was sent proves neither, so the outcome is ``unknown``
and a person decides (measured: such a message may well have been taken).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import aiosmtplib
from aiosmtplib import errors as smtp_errors

from engine.kernel.addresses import is_local
from engine.kernel.errors import DataError, DecisionRefused, NotFound
from engine.kernel.messages import AfcMessage, AlertMessage, ClientMessage, NoticeMessage, OrderMessage
from engine.kernel.ports import Delivery, Intent, TimeSource
from engine.notices.completeness import NO_ADDRESS, NO_SERVER
from engine.notices.notice import Notice, recipients
from engine.notices.signing import to_sign
from engine.protection.protection import Protection
from infra.commands.notice_documents import OrderDocuments
from infra.outbound.centre import Identifiers, afc_json, centre_says
from infra.outbound.orders import HttpPost
from infra.outbound.subjects import MEDIA_TYPE, SubjectLists
from infra.read.notices.documents import ClientTexts, notice_document
from infra.settings.settings import Settings
from infra.store.log.decisions import Decisions
from reports.document import Document
from reports.mail import message
from reports.render import Format, RenderError, render
from reports.wording import kind_key, title

Render = Callable[[Document, Format], bytes]


class Transport(Protocol):
    """Takes a finished message. ``repeatable`` says whether asking again after a crash does no harm."""

    repeatable: bool
    channel: str

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        """Hand the message over and say what became of it."""
        ...


class Spool:
    """Writes messages into a folder, one file per key; a file that is there already is the same message.

    It tells nobody, so it says ``spooled``; only in the demonstration (``counts``) does a file stand for a mail.
    """

    repeatable = True
    channel = "spool"

    def __init__(self, folder: Path, *, counts: bool = False) -> None:
        self.folder = folder
        self.counts = counts
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
        reference = str(mail["Message-ID"] or path.name)
        if self.counts:
            return Delivery(outcome="done", reference=reference)
        return Delivery(outcome="spooled", reference=reference, detail=NO_SERVER)


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


def _nothing_kept(document_id: str) -> bytes:
    raise NotFound("there is no archive here")


class NoticeMail:
    """Performs the intent ``mail``: renders an approved notice and hands it to one recipient."""

    def __init__(
        self, decisions: Decisions, clock: TimeSource, settings: Settings, transport: Transport, lists: SubjectLists,
        render: Render = render, *, kept: Callable[[str], bytes] = _nothing_kept,
    ) -> None:  # fmt: skip
        """``kept`` reads a document of the archive, where signatures are."""
        self.decisions = decisions
        self.clock = clock
        self.settings = settings
        self.transport = transport
        self.render = render
        self.lists = lists
        self.kept = kept
        self.texts = ClientTexts(decisions)

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm."""
        return self.transport.repeatable

    def perform(self, intent: Intent) -> Delivery:
        """Render and hand out."""
        asked = intent.message
        assert isinstance(asked, NoticeMessage)
        notice = self.texts.load(asked.notice_id)
        recipient = asked.recipient or notice.recipient
        try:
            mail = self.message(notice, recipient)
        except (RenderError, NotFound, DataError) as error:
            return Delivery(outcome="retry", detail=error.message)
        except DecisionRefused as error:
            return Delivery(outcome="refused", detail=error.message)
        if self.settings.demonstration:
            return self.transport.deliver(_key(notice, recipient), mail)
        if is_local(recipient):
            kept = Spool(self.settings.data / "spool").deliver(_key(notice, recipient), mail)
            return Delivery(outcome="spooled", reference=kept.reference, detail=NO_ADDRESS)
        said = self.transport.deliver(_key(notice, recipient), mail)
        if said.outcome == "done" and isinstance(asked, ClientMessage):  # the gateway's mail server has it, no client
            return Delivery(outcome="handed-over", reference=said.reference)
        return said

    def message(self, notice: Notice, recipient: str) -> EmailMessage:
        """Return the message to one recipient. Its Message-ID is the same at every try, so a copy is known as one."""
        document, number = notice_document(self.decisions, notice, self.settings.language, recipient)
        delivery = notice.deliveries.get(recipient)
        repeat = delivery is not None and delivery.repeat
        kind = kind_key(notice.kind, notice.stage)
        words = " / ".join(title(kind, language) for language in notice.content)
        return message(
            notice_id=_key(notice, recipient),
            kind=kind,
            sender=self.settings.mail_from,
            recipient=recipient,
            subject=f"{words}: {number}" + (" (повторно / қайта)" if repeat else ""),
            text=self.render(document, "txt").decode(),
            attachments=self._attachments(notice, document),
            at=notice.approved_at or self.clock.now(),
            client=notice.subject if notice.kind == "client" and notice.subject else None,
            repeat=delivery.attempt if repeat and delivery is not None else None,
        )

    def _attachments(self, notice: Notice, document: Document) -> Sequence[tuple[str, str, bytes]]:
        if notice.kind == "afc":
            return [(f"afc-{notice.id[:8]}.json", "application/json", afc_json(notice)), *self._signature(notice)]
        paper = (f"notice-{notice.id[:8]}.pdf", "application/pdf", self.render(document, "pdf"))
        listed = self.lists.of(notice)
        beside = [(listed.name, MEDIA_TYPE, listed.data)] if listed is not None else []
        return [paper, *beside, *self._signature(notice)]

    def _signature(self, notice: Notice) -> Sequence[tuple[str, str, bytes]]:
        """The bytes that the approver signed, and the signature: with both the addressee can verify it."""
        if notice.signed is None or notice.kind == "client":
            return []
        name = f"notice-{notice.id[:8]}-signed.json"
        cms = self.kept(notice.signed.document_id)
        return [
            (name, "application/json", to_sign(notice)), (f"{name}.p7s", "application/pkcs7-signature", cms),
        ]  # fmt: skip


def _key(notice: Notice, recipient: str) -> str:
    """Name a message by its notice; other recipients than the first get a suffix. The same at every try."""
    first = recipients(notice.recipient)[:1]
    return notice.id if (recipient,) == first else f"{notice.id}.{sha256(recipient.encode()).hexdigest()[:8]}"


class AfcMessages:
    """Performs the intent ``afc``: by HTTP where an address is set, with the identifiers of those whom the message
    names; else as a mail with the JSON attached, without them, for mail is read on its way."""

    def __init__(self, mail: NoticeMail, http: HttpPost, url: str | None, known: Identifiers) -> None:
        self.mail = mail
        self.http = http
        self.url = url
        self.known = known

    @property
    def repeatable(self) -> bool:
        """Say whether asking again after a crash does no harm; over HTTP the key makes it so."""
        return True if self.url else self.mail.repeatable

    def perform(self, intent: Intent) -> Delivery:
        """Hand the message out."""
        if self.url is None:
            return self.mail.perform(intent)
        message = intent.message
        assert isinstance(message, AfcMessage)
        notice = self.mail.decisions.load(Notice, message.notice_id)
        answer = self.http.ask(self.url, notice.id, afc_json(notice, self.known.of(notice)))
        return centre_says(answer, notice.id, self.http.clock.now())


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
        alert = intent.message
        assert isinstance(alert, AlertMessage)
        mail = EmailMessage()
        mail["From"], mail["To"] = self.settings.mail_from, alert.to or self.settings.alert_mail
        mail["Subject"] = f"[qorgau] {alert.subject}"
        mail["Message-ID"] = f"<{intent.key.replace(':', '-')}@{self.settings.mail_from.rsplit('@', 1)[-1]}>"
        mail["Date"] = datetime.fromisoformat(alert.at)
        mail.set_content(alert.text)
        return self.transport.deliver(intent.key, mail)


class OrderLetters:
    """Hands an order out as a letter, where a system has a mail address and no interface."""

    def __init__(
        self, decisions: Decisions, settings: Settings, transport: Transport, documents: OrderDocuments,
        render: Render = render,
    ) -> None:  # fmt: skip
        self.decisions = decisions
        self.settings = settings
        self.transport = transport
        self.documents = documents
        self.render = render

    def send(self, intent: Intent, address: str) -> Delivery:
        """Send the letter. A copy does no harm (the order's number is the same), so what is in doubt is sent again."""
        asked = intent.message
        assert isinstance(asked, OrderMessage)
        it = self.decisions.load(Protection, asked.protection_id)
        order = it.orders[asked.order_id]
        document, name = self.documents.of(it, order)
        try:
            mail = message(
                notice_id=order.id,
                kind=order.kind,
                sender=self.settings.mail_from,
                recipient=address,
                subject=f"{document.parts[0].title}: {name}",
                text=self.render(document, "txt").decode(),
                attachments=[(f"order-{order.id[:8]}.pdf", "application/pdf", self.render(document, "pdf"))],
                at=order.issued_at,
            )
        except RenderError as error:
            return Delivery(outcome="retry", detail=error.message)
        answer = self.transport.deliver(f"order-{order.id}", mail)
        if answer.outcome == "done":
            return Delivery(outcome="handed-over", reference=answer.reference)
        return answer if answer.outcome == "refused" else Delivery(outcome="retry", detail=answer.detail)


def transport_for(settings: Settings) -> Transport:
    """Choose the transport the settings name."""
    return Smtp(settings) if settings.smtp_host else Spool(settings.data / "spool", counts=settings.demonstration)
