"""What can be recorded of what is kept of a client."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, get_args

from engine.kernel.facts import Fact


class ObligationsEnded(Fact):
    """The obligations of a client and the lender ended on a day: the term counts from it."""

    topic: ClassVar[str] = "retention.ended.v1"
    retention_id: str
    client: str
    ended_on: date
    loan: str = ""
    proposed_by: str = ""
    """Who said so first, where two persons say it."""
    document_id: str = ""


class ObligationsEndProposed(Fact):
    """A person says, on a document, that the obligations ended long ago; a second one must say so."""

    topic: ClassVar[str] = "retention.end-proposed.v1"
    retention_id: str
    client: str
    ended_on: date
    loan: str = ""
    document_id: str = ""
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class ObligationsBegan(Fact):
    """A new contract was made: no term runs until it ends too."""

    topic: ClassVar[str] = "retention.began.v1"
    retention_id: str
    client: str
    loan: str = ""
    began_on: date | None = None
    """The day of the event that told of it."""


class HoldPlaced(Fact):
    """Nothing of the client may be destroyed, whatever the term."""

    topic: ClassVar[str] = "retention.hold-placed.v1"
    retention_id: str
    client: str


class HoldLiftProposed(Fact):
    """A person says that the hold may end; a second one must say so."""

    topic: ClassVar[str] = "retention.hold-lift-proposed.v1"
    retention_id: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class HoldLifted(Fact):
    """The hold is over, as two persons say."""

    topic: ClassVar[str] = "retention.hold-lifted.v1"
    retention_id: str
    proposed_by: str = ""


class ErasureProposed(Fact):
    """Somebody asks that what is kept of a client be destroyed."""

    topic: ClassVar[str] = "retention.erasure-proposed.v1"
    retention_id: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class ErasureApproved(Fact):
    """A second person agreed; the engine destroys the keys."""

    topic: ClassVar[str] = "retention.erasure-approved.v1"
    retention_id: str
    proposed_by: str


class ErasureDone(Fact):
    """The keys are destroyed: their ids, and how far the ledger went then. This is the certificate."""

    topic: ClassVar[str] = "retention.erasure-done.v1"
    retention_id: str
    client: str
    proposed_by: str
    approved_by: str
    keys: tuple[str, ...]
    documents: int
    ledger_size: int
    ledger_root: str


RetentionFact = (
    ObligationsEnded | ObligationsBegan | ObligationsEndProposed | HoldPlaced | HoldLiftProposed | HoldLifted
    | ErasureProposed | ErasureApproved | ErasureDone
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[RetentionFact], ...] = get_args(RetentionFact)
