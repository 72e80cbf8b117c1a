"""What people may ask of a borrower's protection, as values."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from engine.kernel.commands import Attachment, Command, Decided, Made, Outcome, Words
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
    incident: str = Field(default="", max_length=100)
    """The incident (number or id) of what came in and could not be read, where this is what it was."""
    reason: Words = ""
    """How one knows that it is, where it does not say so itself; a second person enters the same with own words."""


class AmendAct(Command[Outcome]):
    """Add loans to an act that was entered; their own orders go out and their own terms run."""

    protection_id: str
    loans: tuple[_Name, ...] = Field(min_length=1, max_length=50)
    received_at: AwareDatetime
    reason: Words


class JoinAct(Command[Outcome]):
    """Join a double entry to its twin, which covers all that it covers."""

    protection_id: str
    into: str
    reason: Words


class ReinstateAct(Command[Outcome]):
    """Take back what ended a protection; it holds again and its orders go out again."""

    protection_id: str
    reason: Words


class AttachDocument(Command[Outcome]):
    """Attach a document to a protection; its original goes to the archive."""

    protection_id: str
    document: Attachment


class VerifyAct(Command[Decided]):
    """Check an act as a second person; that one is not genuine takes two persons and a document."""

    protection_id: str
    genuine: bool
    reason: Words
    document: Attachment | None = None
    document_id: str = ""


class EnterRuling(Command[Outcome]):
    """Enter a decision of a court in force for loans under protection."""

    protection_id: str
    court: str
    number: str
    in_force_on: date
    received_at: AwareDatetime
    ruling: Ruling
    document: Attachment | None = None
    loans: tuple[_Name, ...] = Field(default=(), max_length=50)
    incident: str = Field(default="", max_length=100)
    """The incident of a decision that came in and could not be read, where this is what it was."""
    reason: Words = ""
    """How one knows that it is; or why a decision that was entered before says something else now."""


class ProposeOutcome(Command[Outcome]):
    """Propose how a protection ends (write-off, release, not-genuine), or that loans do not belong to it."""

    protection_id: str
    outcome: str
    reason: Words
    loans: tuple[_Name, ...] = Field(default=(), max_length=50)
    document: Attachment | None = None
    document_id: str = ""


class DecideOutcome(Command[Outcome]):
    """Decide it as the second person; the orders follow."""

    protection_id: str
    agreed: bool
    reason: Words = ""


class AcknowledgeOrder(Command[Decided]):
    """Vouch that another system carried an order out, with its reference, own words and a document; another person
    who says the same agrees."""

    protection_id: str
    order_id: str
    reference: str = Field(default="", max_length=200)
    reason: Words = ""
    document: Attachment | None = None
    document_id: str = ""


class WithdrawAcknowledgement(Command[Outcome]):
    """Say that an order was not carried out after all; the duty is owed again."""

    protection_id: str
    order_id: str
    reason: Words
