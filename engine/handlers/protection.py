"""Handlers of what people ask of borrowers' protections."""

from __future__ import annotations

from engine.handlers.desk import Desk, Work
from engine.handlers.register import handles, in_unit
from engine.kernel.checked import checked
from engine.kernel.commands import DONE, Made, Outcome
from engine.kernel.facts import Person
from engine.permissions import require
from engine.protection import protection
from engine.protection.commands import (
    AcknowledgeOrder,
    AttachDocument,
    DecideOutcome,
    EnterAct,
    EnterRuling,
    ProposeOutcome,
    VerifyAct,
)
from engine.protection.facts import CourtRuled, LegalAct
from engine.protection.protection import Protection


@handles(EnterAct)
def enter_act(desk: Desk, command: EnterAct, by: Person) -> Made:
    """Enter an act with its document; the orders follow by themselves."""
    values = dict(command)
    document = values.pop("document")
    act = checked(LegalAct, **{**values, "bureaus": command.bureaus or desk.settings.bureaus})
    if document is not None:
        require("attach-document", by)
        kept = desk.keep(document, client=act.client, about="legal act", by=by, name="act")
        found = {"document_id": kept.document_id, "document_sha256": kept.sha256, "document_name": kept.name}
        act = act.model_copy(update=found)
    key = protection.protection_id(act)
    with desk.work(by) as work:
        it = work.unit.load(Protection, key)
        work.record(Protection, key, protection.register_act(it, act, by=by, at=work.at))
        if act.document_id is not None and act.document_sha256 is not None:
            name = act.document_name or "act"
            facts = protection.attach(it, act.document_id, act.document_sha256, name, by=by, at=work.at)
            work.record(Protection, key, facts)
    return Made(id=key)


def _client(desk: Desk, protection_id: str, by: Person) -> str:
    """Return whose protection it is. Raise NotFound."""
    with desk.work(by) as work:
        it = work.get(Protection, protection_id)
        assert it.act is not None
        return it.act.client


@handles(AttachDocument)
def attach_document(desk: Desk, command: AttachDocument, by: Person) -> Outcome:
    """Attach a document; its original goes to the archive."""
    client = _client(desk, command.protection_id, by)
    kept = desk.keep(command.document, client=client, about="protection", by=by, name="")
    with desk.work(by) as work:
        it = work.get(Protection, command.protection_id)
        facts = protection.attach(it, kept.document_id, kept.sha256, kept.name, by=by, at=work.at)
        work.record(Protection, it.id, facts)
    return DONE


@in_unit(VerifyAct)
def verify_act(work: Work, command: VerifyAct) -> Outcome:
    """Check an act as a second person."""
    it = work.get(Protection, command.protection_id)
    facts = protection.verify_act(it, command.genuine, command.reason, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE


@handles(EnterRuling)
def enter_ruling(desk: Desk, command: EnterRuling, by: Person) -> Outcome:
    """Enter a decision of a court in force."""
    client, document_id = _client(desk, command.protection_id, by), ""
    if command.document is not None:
        kept = desk.keep(command.document, client=client, about="court decision", by=by, name="decision")
        document_id = kept.document_id
    with desk.work(by) as work:
        it = work.get(Protection, command.protection_id)
        fact = CourtRuled(
            at=work.at, actor=by.id, protection_id=it.id, court=command.court.strip()[:300],
            number=command.number.strip()[:100], in_force_on=command.in_force_on, received_at=command.received_at,
            ruling=command.ruling, document_id=document_id,
        )  # fmt: skip
        work.record(Protection, it.id, protection.rule(it, fact))
    return DONE


@in_unit(ProposeOutcome)
def propose_outcome(work: Work, command: ProposeOutcome) -> Outcome:
    """Propose how a protection ends."""
    it = work.get(Protection, command.protection_id)
    facts = protection.propose_outcome(it, command.outcome, command.reason, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE


@in_unit(DecideOutcome)
def decide_outcome(work: Work, command: DecideOutcome) -> Outcome:
    """Decide it as the second person."""
    it = work.get(Protection, command.protection_id)
    facts = protection.decide_outcome(it, command.agreed, command.reason, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE


@in_unit(AcknowledgeOrder)
def acknowledge_order(work: Work, command: AcknowledgeOrder) -> Outcome:
    """Record by hand that another system carried an order out."""
    it = work.get(Protection, command.protection_id)
    facts = protection.acknowledge_by_hand(it, command.order_id, command.reference, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE
