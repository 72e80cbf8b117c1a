"""What people may ask of a borrower's protection, as values."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from engine.kernel.commands import Attachment, Command, Made, Outcome, Words
from engine.protection.facts import ActKind, Ruling

_Name = Annotated[str, Field(min_length=1, max_length=100)]


class EnterAct(Command[Made]):
    """Enter an act with its document; the orders follow by themselves.

    Without ``bureaus`` the organisation's own are asked to correct their records.
    """

    kind: ActKind
    issuer: str = Field(min_length=1, max_length=300)
    number: _Name
    act_date: date
    received_at: AwareDatetime
    channel: _Name
    client: _Name
    loans: tuple[_Name, ...] = Field(min_length=1, max_length=50)
    bureaus: tuple[_Name, ...] = Field(default=(), max_length=10)
    document: Attachment | None = None


class AttachDocument(Command[Outcome]):
    """Attach a document to a protection; its original goes to the archive."""

    protection_id: str
    document: Attachment


class VerifyAct(Command[Outcome]):
    """Check an act as a second person; one that is not genuine has its stops lifted."""

    protection_id: str
    genuine: bool
    reason: Words


class EnterRuling(Command[Outcome]):
    """Enter a decision of a court in force for loans under protection."""

    protection_id: str
    court: str
    number: str
    in_force_on: date
    received_at: AwareDatetime
    ruling: Ruling
    document: Attachment | None = None


class ProposeOutcome(Command[Outcome]):
    """Propose how a protection ends: write-off or release."""

    protection_id: str
    outcome: str
    reason: Words


class DecideOutcome(Command[Outcome]):
    """Decide it as the second person; the orders follow."""

    protection_id: str
    agreed: bool
    reason: Words = ""


class AcknowledgeOrder(Command[Outcome]):
    """Record by hand that another system carried an order out, with its reference."""

    protection_id: str
    order_id: str
    reference: str
