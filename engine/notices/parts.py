"""Parts of a notice: what became of it at each recipient, and each state of its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.notices.facts import DeliveryState, NoticeAddressProposed, NoticeArrivalClaimed


@dataclass
class Delivery:
    """What became of a notice at one recipient: waiting, handed over to a gateway, sent, refused, unknown,
    bounced, or only laid into the spool on this machine."""

    recipient: str
    state: DeliveryState = "waiting"
    channel: str = ""
    reference: str = ""
    at: datetime | None = None
    latest: datetime | None = None
    """The latest event that is known of it: what is older changes nothing."""
    ordered_at: datetime | None = None
    """When this attempt was ordered, where it is not the first."""
    attempt: int = 1
    repeat: bool = False
    receipt: str = ""
    claim: NoticeArrivalClaimed | None = None
    """What one person says of its arrival, until a second one says so."""
    other: NoticeAddressProposed | None = None
    """The other address that waits for a second person."""


@dataclass(frozen=True, slots=True)
class TextVersion:
    """One state of the text: who wrote it and when, and whether from its wording or in words of a person."""

    number: int
    at: datetime
    actor: str
    content: dict[str, dict[str, str]]
    composed: bool = True
