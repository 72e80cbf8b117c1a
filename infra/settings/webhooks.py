"""What an organisation says of one webhook: where to, which events, signed with which secrets."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PREFIX = "whsec_"
LEAST_BYTES = 24
"""The least length of a secret that the Standard Webhooks specification allows."""
TOLD = (
    "incident.opened", "incident.assigned", "incident.acknowledged", "incident.severity-changed",
    "incident.containment-started", "incident.cause-eliminated", "incident.consequence-eliminated",
    "incident.recovery-confirmed", "incident.merged", "incident.notifiability-raised", "incident.notifiability-lowered",
    "incident.closed", "incident.reopened", "clock.started", "clock.went-late", "clock.breached", "clock.satisfied",
    "notice.sent", "notice.receipted", "order.issued", "order.acknowledged", "order.overdue", "act.violation-found",
)  # fmt: skip
"""The events there are, by name."""
_PATTERN = re.compile(r"^[a-z*?-]+(\.[a-z*?-]+)?$")


def https_address(text: str) -> str:
    """Return an address of a receiver as it is. Raise ValueError for one that is not https, but for this machine."""
    parts = urlsplit(text)
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise ValueError("an address such as https://siem.example/hook is needed, without a user or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("webhooks go over https; http is for this machine")
    return text


def http_address(text: str) -> str:
    """Return an address of the network as it is. Raise ValueError for what is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or any(it.isspace() for it in text):
        raise ValueError("an address such as https://loans.example/orders is needed")
    return text


def secret(text: str) -> str:
    """Return a secret as it is. Raise ValueError for one that the Standard Webhooks specification does not allow."""
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX) + "==", validate=False)
    except binascii.Error:
        raw = b""
    if not text.startswith(PREFIX) or len(raw) < LEAST_BYTES:
        raise ValueError(f"a secret is {PREFIX} and at least {LEAST_BYTES} bytes in base64; 'qorgau webhooks secret'")
    return text


def _events(text: str) -> str:
    if not _PATTERN.match(text):
        raise ValueError(f"an event is one of {', '.join(TOLD)}, or a pattern such as incident.*")
    return text


class WebhookSettings(BaseModel):
    """One receiver. Two secrets while one is being replaced: each message then carries both signatures."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Annotated[str, AfterValidator(https_address)]
    secrets: tuple[Annotated[str, AfterValidator(secret)], ...] = Field(min_length=1, max_length=2, repr=False)
    events: tuple[Annotated[str, AfterValidator(_events)], ...] = ("incident.*", "clock.breached", "order.overdue")
