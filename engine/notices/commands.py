"""What people may ask of notices and of their wording, as values."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from engine.kernel.commands import Attachment, Command, Counted, Decided, Made, Outcome, Words
from engine.notices.facts import DeliveryState
from engine.notices.gateway import Fate, Status

MOST_STATUSES = 1_000
"""Reports of the gateway in one command."""
MOST_SIGNATURE = 400_000
"""Letters of a signature in base64."""


class Approved(Outcome):
    """A notice was approved; ``missing`` are the settings without which it does not go out by itself."""

    missing: tuple[str, ...] = ()


class DraftNotice(Command[Made]):
    """Draft a notice that no rule asks for by itself: to law enforcement, interested parties, the AFC."""

    incident_id: str
    kind: str
    recipient: str = ""


class FollowUpNotice(Command[Made]):
    """Draft a supplement (follow_up), or the final report, to a notice that was handed over."""

    notice_id: str
    stage: str


class RedraftNotice(Command[Outcome]):
    """Write a text again from its wording, with what is known and set now; what people wrote in it is replaced."""

    notice_id: str
    version: int | None = None


class EditNotice(Command[Outcome]):
    """Change the text of a notice; ``version`` is the one the person saw, so no work of others is lost."""

    notice_id: str
    language: str
    fields: dict[str, str]
    version: int | None = None


class SubmitNotice(Command[Outcome]):
    """Ask for a review."""

    notice_id: str
    version: int | None = None


class ReturnNotice(Command[Outcome]):
    """Give a text under review back with a remark."""

    notice_id: str
    remark: Words


class WithdrawNotice(Command[Outcome]):
    """Take a draft back that no clock waits for."""

    notice_id: str
    reason: Words


class ApproveNotice(Command[Approved]):
    """Approve a notice; sending is ordered in the same commit.

    ``list_sha256`` is the hash of the clients that the person saw, of a text for many: with it nobody is told whom
    nobody has approved. ``signature`` is the approver's detached CMS over exactly the bytes to sign, in base64; it is
    needed where the house signs so (``notice_signature``), and taken nowhere else.
    """

    notice_id: str
    version: int | None = None
    list_sha256: str = ""
    signature: Annotated[str, Field(max_length=MOST_SIGNATURE, repr=False)] = ""


class ApproveAsLast(Command[Approved]):
    """Approve a notice that the law asks for as the head of the house, in the last four working hours of its term, for
    nobody else is left; the fields are those of ``ApproveNotice``, and why."""

    notice_id: str
    reason: Words
    version: int | None = None
    list_sha256: str = ""
    signature: Annotated[str, Field(max_length=MOST_SIGNATURE, repr=False)] = ""


class ApproveClientNotices(Command[Counted]):
    """Approve every drafted client notice of an incident."""

    incident_id: str


class SettleNotice(Command[Decided]):
    """Decide what became of a notice whose fate is unknown; that it arrived a second person says too."""

    notice_id: str
    taken: bool
    evidence: Words
    recipient: str | None = None


class HandOverNotice(Command[Decided]):
    """Record that a person handed an approved notice over by a portal, courier or letter; without an instant: now.

    A second person says the same, with the same reference; its instant is that of the first.

    ``document`` is the scan of the paper that was handed over, signed by hand.
    """

    notice_id: str
    channel: str
    reference: str
    handed_at: AwareDatetime | None = None
    document: Attachment | None = None


class HandOverClientNotices(Command[Counted]):
    """Record that a person handed over, by one way and under one reference, all notices that carry an approved text to
    clients and have not reached them; ``notice_id`` is the text. Without an instant: now."""

    notice_id: str
    channel: str
    reference: str
    handed_at: AwareDatetime | None = None
    document: Attachment | None = None


class ResendNotice(Command[Decided]):
    """Order another try after a refusal or a bounce, at the same address, or propose a corrected one."""

    notice_id: str
    recipient: str
    instead_of: str
    reason: Words


class ApproveAddress(Command[Outcome]):
    """Approve the address that waits instead of one that failed, as a second person, or refuse it. ``recipient`` is the
    address that the person saw: with it nobody approves another one that took its place meanwhile."""

    notice_id: str
    instead_of: str
    agreed: bool = True
    reason: Words = ""
    recipient: str = ""


class ResendFailures(Command[Outcome]):
    """Order another try at every client of an approved text at whom it failed (``refused`` or ``bounced``)."""

    notice_id: str
    state: DeliveryState = "refused"
    reason: Words


class Fates(Outcome):
    """What became of each report, in their order."""

    fates: tuple[Fate, ...]


class RecordStatuses(Command[Fates]):
    """Record what the gateway says of the notices that it was given; given by the gateway, not by a person."""

    statuses: Annotated[tuple[Status, ...], Field(max_length=MOST_STATUSES)]
    unreadable: Annotated[tuple[Annotated[str, Field(max_length=1_000)], ...], Field(max_length=MOST_STATUSES)] = ()
    """Reports that nobody could read, each with the reason; they are kept."""


class RecordReceipt(Command[Outcome]):
    """Record that the recipient says it has the notice."""

    notice_id: str
    reference: str
    received_on: date
    document_id: str = ""


class RecordBounce(Command[Outcome]):
    """Record that a notice came back; given by the mailbox, not by a person."""

    notice_id: str
    recipient: str
    status: str
    detail: str


class ProposeWording(Command[Outcome]):
    """Try a wording on an example, then propose it."""

    kind: str
    language: str
    fields: dict[str, str]
    reason: Words


class DecideWording(Command[Outcome]):
    """Put the waiting wording in force as a second person, or refuse it. ``version`` is the one that the person saw:
    with it nobody puts another wording in force that took its place meanwhile."""

    kind: str
    language: str
    agreed: bool
    reason: Words = ""
    version: str = ""


class RollBackWording(Command[Outcome]):
    """Go back to the wording before, at once."""

    kind: str
    language: str
    reason: Words
