"""The words in which acts, decisions of courts and answers come; what is none of them is asked of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.protection.facts import RULINGS, ActKind, OrderKind, Ruling


class Reading(NamedTuple):
    """How an event answers an order: which orders, which fields say that it is done, which deny it when they are no."""

    kinds: tuple[OrderKind, ...]
    says: tuple[str, ...]
    denies: tuple[str, ...] = ()
    by_name: bool = True
    """Whether its type alone states what was done; one that is merely acknowledged states nothing."""
    undoes: tuple[OrderKind, ...] = ()
    """The orders that are not done any more when this happens."""


ANSWERS: dict[str, Reading] = {
    "collection.stopped": Reading(
        ("collection-stop",), ("mfo.collection.stopped", "mfo.stopped_at"),
        ("mfo.collection.claims_stopped", "mfo.collection.agency_notified"), undoes=("collection-resume",),
    ),
    "collection.resumed": Reading(("collection-resume",), ("mfo.approver",), undoes=("collection-stop",)),
    "loan.accrual.stopped": Reading(
        ("accrual-stop",), ("mfo.stopped_at",), ("mfo.accrual.interest", "mfo.accrual.penalty"),
        undoes=("accrual-resume",),
    ),
    "loan.written_off": Reading(("write-off",), ("mfo.amount",)),
    "bureau.correction.acknowledged": Reading(
        ("bureau-correction", "bureau-restore"), ("mfo.correction.applied_at",), by_name=False
    ),
}  # fmt: skip
_KINDS: dict[str, ActKind] = {
    "victim_resolution": "victim_resolution",
    "resolution_on_recognition_as_victim": "victim_resolution",
    "постановление_о_признании_потерпевшим": "victim_resolution",
    "жәбірленуші_деп_тану_туралы_қаулы": "victim_resolution",
    "remedial_submission": "remedial_submission",
    "представление_об_устранении_нарушений": "remedial_submission",
    "представление_об_устранении_обстоятельств": "remedial_submission",
}
_RULINGS: dict[str, Ruling] = {
    **{it: it for it in RULINGS},
    **dict.fromkeys(("void", "debt-is-void"), "debt-void"),
    **dict.fromkeys(("partly-void", "partially-void"), "debt-partly-void"),
    **dict.fromkeys(("debt-stands",), "claim-refused"),
    **dict.fromkeys(("overturned", "act-cancelled"), "act-overturned"),
}
_OF_A_CLAIM: dict[str, Ruling] = {
    **dict.fromkeys(("granted", "claim-granted", "recognised", "recognized", "upheld", "удовлетворено"), "debt-void"),
    **dict.fromkeys(
        ("partly", "partial", "partially", "partly-granted", "partially-granted", "удовлетворено-частично"),
        "debt-partly-void",
    ),
    **dict.fromkeys(
        ("refused", "rejected", "dismissed", "denied", "claim-dismissed", "claim-denied", "отказано"), "claim-refused"
    ),
}
"""What a court says of a claim. It means this where the claim was that the debt is void; who sued must be known."""
_AGAINST_THE_DEBT = frozenset({
    "law-enforcement", "police", "prosecutor", "client", "borrower", "victim", "consumer", "прокурор", "полиция",
    "клиент",
    "заемщик", "заёмщик", "потерпевший", "қарыз-алушы", "жәбірленуші",
})  # fmt: skip


def _word(value: object, joint: str) -> str:
    return joint.join(str(value).strip().lower().replace("-", " ").replace("_", " ").split())


def kind_of_act(value: object) -> ActKind | None:
    """Return the kind of act that a text names, however it is spaced and capitalised; None for any other."""
    return _KINDS.get(_word(value, "_"))


def _sued_against_the_debt(fields: Mapping[str, Any]) -> bool:
    return _word(fields.get("mfo.court_decision.applicant") or "", "-") in _AGAINST_THE_DEBT


def ruling_of(fields: Mapping[str, Any]) -> Ruling | None:
    """Return what a court decided, None where it does not say so clearly, or says two things.

    "Granted" and "refused" are clear only where it is told that the claim was against the debt: a lender whose claim
    is granted has a debt that stands.
    """
    said = [fields[name] for name in ("mfo.court_decision.ruling", "mfo.outcome") if fields.get(name) is not None]
    words = {**_RULINGS, **(_OF_A_CLAIM if _sued_against_the_debt(fields) else {})}
    found = {words.get(_word(it, "-")) for it in said}
    return next(iter(found)) if len(found) == 1 else None
