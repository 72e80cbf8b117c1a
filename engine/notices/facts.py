"""What can be recorded of a notice. ``unknown`` is a state: a connection lost after the message was handed over
proves neither sending nor failure."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime, Field

from engine.kernel.facts import Fact

NoticeKind = str
"""A kind of notice that ``engine.notices.kinds`` declares."""
NoticeStage = Literal["initial", "follow_up", "final", "supplement", "block", "unblock"]
"""The first notice; its supplement once all is normal again, and the final report; and to some of the clients: that
more happened, that something of theirs was blocked, that it is free again."""
DeliveryState = Literal["waiting", "handed-over", "sent", "refused", "unknown", "bounced", "spooled"]
NoticeState = Literal[
    "none", "draft", "review", "approved", "handed-over", "sent", "refused", "unknown", "bounced", "spooled",
    "withdrawn",
]  # fmt: skip


class NoticeDrafted(Fact):
    """A first text exists; ``content`` is language → field → text. Several recipients are separated by commas."""

    topic: ClassVar[str] = "notice.drafted.v1"
    notice_id: str
    kind: NoticeKind
    incident_id: str
    subject: str
    template_version: str
    content: dict[str, dict[str, str]]
    obligations: tuple[str, ...]
    recipient: str
    stage: NoticeStage = "initial"
    follows: str = ""
    """The notice that this one follows up."""
    to_many: bool = False
    """Whether it is one text for many clients, each of whom gets a notice of his own when it is approved."""
    clients: tuple[str, ...] = ()
    """Whom a text for many is for, where that is not everybody who is left to tell or heard the first."""


class NoticeRedrafted(Fact):
    """The incident grew before anybody touched the text, so the engine wrote it again."""

    topic: ClassVar[str] = "notice.redrafted.v1"
    notice_id: str
    content: dict[str, dict[str, str]]
    template_version: str = ""
    clients: tuple[str, ...] = ()
    """Whom it is for now, where it is for some and more joined them."""


class NoticeEdited(Fact):
    """A person changed the text of one language."""

    topic: ClassVar[str] = "notice.edited.v1"
    notice_id: str
    language: str
    fields: dict[str, str]


class NoticeSubmitted(Fact):
    """A person asks that the text be reviewed."""

    topic: ClassVar[str] = "notice.submitted.v1"
    notice_id: str


class NoticeReturned(Fact):
    """The reviewer gives it back with a remark; it is a draft again."""

    topic: ClassVar[str] = "notice.returned.v1"
    notice_id: str


class NoticeApproved(Fact):
    """A second person froze the content under its hash; sending is ordered with it."""

    topic: ClassVar[str] = "notice.approved.v1"
    notice_id: str
    content_hash: str
    addressees: int = 0
    """How many clients a text for many goes to."""
    list_sha256: str = ""
    """The hash of their list (``engine.notices.notice.list_hash``)."""
    subjects: int = 0
    """How many people the list has that goes with it, encrypted; ``list_sha256`` is its hash then."""
    missing: tuple[str, ...] = ()
    """What a way out to its recipients lacks, as the officer was told: the settings that are missing."""
    recipient: str = ""
    """Whom it goes to, where the address was set after the draft; empty: as drafted."""
    as_last: bool = False
    """Whether the head of the house approved it because nobody else was left; ``reason`` says why."""


class NoticeSigned(Fact):
    """The approver signed exactly the approved bytes; recorded with the approval, after somebody verified it.

    Of the signer's IIN only the last digits stand here; the signature itself is a document of the archive.
    """

    topic: ClassVar[str] = "notice.signed.v1"
    notice_id: str
    signed_sha256: str
    """The hash of the bytes (``engine.notices.signing.to_sign``)."""
    signer: str
    signer_iin: str
    organisation: str = ""
    organisation_bin: str = ""
    certificate: str
    """The serial number of the certificate, in hexadecimal digits."""
    issuer: str = ""
    valid_until: AwareDatetime | None = None
    stamped_at: AwareDatetime | None = None
    """The time stamp in the signature, where it has one."""
    revocation: str = ""
    verified_by: str
    document_id: str
    cms_sha256: str


class NoticeSignedByHand(Fact):
    """A person says that the paper that was handed over is signed by hand, and kept its scan."""

    topic: ClassVar[str] = "notice.signed-by-hand.v1"
    notice_id: str
    channel: str
    handed_at: AwareDatetime
    document_id: str
    document_sha256: str


class NoticeListed(Fact):
    """A part of the list of clients that an approved text goes to."""

    topic: ClassVar[str] = "notice.listed.v1"
    notice_id: str
    clients: tuple[str, ...]


class NoticeAddressed(Fact):
    """A client gets a notice of his own, with the approved text for many."""

    topic: ClassVar[str] = "notice.addressed.v1"
    notice_id: str
    text_id: str
    kind: NoticeKind
    incident_id: str
    subject: str
    recipient: str
    stage: NoticeStage
    follows: str
    template_version: str
    obligations: tuple[str, ...]
    content_hash: str
    approved_by: str
    approved_at: AwareDatetime
    says: dict[str, AwareDatetime] = Field(default_factory=dict)
    """What the text says of a block that is true of this client, field → since when; the other such fields it has are
    not for him (``engine.notices.many.OF_BLOCKS``)."""


class NoticeHandedOver(Fact):
    """A gateway took the notice to deliver it. Nobody has been told yet: that is for its status to say."""

    topic: ClassVar[str] = "notice.handed-over.v1"
    notice_id: str
    channel: str
    reference: str
    recipient: str
    handed_at: AwareDatetime


class NoticeSpooled(Fact):
    """It lies in a folder on this machine, for there is no way out: nobody was told, the clock runs."""

    topic: ClassVar[str] = "notice.spooled.v1"
    notice_id: str
    channel: str
    recipient: str
    reference: str = ""
    detail: str = ""
    """What is missing."""


class NoticeSent(Fact):
    """The recipient has the notice, or the recipient's side took it: channel, reference."""

    topic: ClassVar[str] = "notice.sent.v1"
    notice_id: str
    channel: str
    transport_ref: str
    recipient: str
    sent_at: AwareDatetime
    confirmed_at: AwareDatetime | None = None
    """The latest event that a gateway reported of it, where that is later."""
    claimed_by: str = ""
    """Who said so first, where two persons say that it arrived; the actor is the second."""


class NoticeRefused(Fact):
    """The other side refused the notice; a person must act, the clock goes on."""

    topic: ClassVar[str] = "notice.refused.v1"
    notice_id: str
    channel: str
    answer: str
    recipient: str = ""
    failed_at: AwareDatetime | None = None
    """When a gateway says that it failed; None: when it was recorded."""


class NoticeUnknown(Fact):
    """Nobody knows whether the notice was taken; a person must decide, the clock goes on."""

    topic: ClassVar[str] = "notice.unknown.v1"
    notice_id: str
    channel: str
    detail: str
    recipient: str = ""


class NoticeBounced(Fact):
    """It was taken and came back (RFC 3464): it did not arrive, whatever the first answer was."""

    topic: ClassVar[str] = "notice.bounced.v1"
    notice_id: str
    recipient: str
    status: str
    detail: str
    failed_at: AwareDatetime | None = None
    """When a gateway says that it failed; None: when it was recorded."""


class NoticeFailuresResent(Fact):
    """A person orders that an approved text be sent again to those of its clients at whom it failed."""

    topic: ClassVar[str] = "notice.failures-resent.v1"
    notice_id: str
    state: DeliveryState


class NoticeArrivalClaimed(Fact):
    """A person says that a recipient has the notice: it was handed over, or what was doubtful arrived. Nothing changes
    until a second one says so."""

    topic: ClassVar[str] = "notice.arrival-claimed.v1"
    notice_id: str
    recipient: str
    channel: str
    reference: str
    handed_at: AwareDatetime
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class NoticeAddressProposed(Fact):
    """A person names another address for what did not arrive; nothing is sent there until a second one approves it."""

    topic: ClassVar[str] = "notice.address-proposed.v1"
    notice_id: str
    recipient: str
    instead_of: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class NoticeAddressRefused(Fact):
    """The second person does not approve the address."""

    topic: ClassVar[str] = "notice.address-refused.v1"
    notice_id: str
    recipient: str
    instead_of: str


class NoticeResendOrdered(Fact):
    """A person orders another try; ``recipient`` may be corrected. ``repeat`` marks a message that may be a copy."""

    topic: ClassVar[str] = "notice.resend-ordered.v1"
    notice_id: str
    recipient: str
    instead_of: str
    attempt: int
    repeat: bool
    named_by: str = ""
    """Who named the changed address, which the actor approved."""


class NoticeReceipted(Fact):
    """The recipient said that it has the notice: their number and day, the document in the archive if there is one."""

    topic: ClassVar[str] = "notice.receipted.v1"
    notice_id: str
    recipient: str
    reference: str
    received_on: date
    document_id: str = ""


class NoticeWithdrawn(Fact):
    """The draft is not needed any more (the incident was a false positive or merged)."""

    topic: ClassVar[str] = "notice.withdrawn.v1"
    notice_id: str


TextFact = (
    NoticeDrafted | NoticeRedrafted | NoticeEdited | NoticeSubmitted | NoticeReturned | NoticeApproved | NoticeWithdrawn
    | NoticeListed | NoticeAddressed | NoticeFailuresResent | NoticeSigned | NoticeSignedByHand
)  # fmt: skip
"""What makes the text."""
FateFact = (
    NoticeHandedOver
    | NoticeSpooled
    | NoticeSent
    | NoticeRefused
    | NoticeUnknown
    | NoticeBounced
    | NoticeResendOrdered
    | NoticeArrivalClaimed
    | NoticeAddressProposed
    | NoticeAddressRefused
    | NoticeReceipted
)
"""What became of it."""
NoticeFact = TextFact | FateFact
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[NoticeFact], ...] = get_args(NoticeFact)
