"""Handlers of what people ask of borrowers' protections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.handlers.desk import Desk, Work
from engine.handlers.register import handles, in_unit
from engine.incidents.incident import Incident
from engine.kernel.checked import checked
from engine.kernel.commands import DONE, Attachment, Decided, Made, Outcome
from engine.kernel.errors import DecisionRefused, NotFound
from engine.kernel.facts import Fact, Person
from engine.permissions import require
from engine.policies.acts import UNREAD_RULE, entry_of, owner_of, unread_key
from engine.protection import deciding, orders
from engine.protection.commands import (
    AcknowledgeOrder,
    AmendAct,
    AttachDocument,
    DecideOutcome,
    EnterAct,
    EnterRuling,
    JoinAct,
    ProposeOutcome,
    ReinstateAct,
    VerifyAct,
    WithdrawAcknowledgement,
)
from engine.protection.facts import CourtRuled, LegalAct, Unread, UnreadReceived
from engine.protection.protection import Protection


@handles(EnterAct)
def enter_act(desk: Desk, command: EnterAct, by: Person) -> Made:
    """Enter an act with its document; the orders follow by themselves."""
    values = dict(command)
    document, incident, reason = values.pop("document"), values.pop("incident"), values.pop("reason")
    act = checked(LegalAct, **{**values, "bureaus": command.bureaus or desk.settings.bureaus})
    with desk.work(by) as work:  # nothing is kept of what is refused
        key, _ = _enter(work, act, by)
        held = work.unit.load(Protection, key).registered_at
        read = _unread(work, incident) if incident else ""
        same = bool(read) and _same(work, read, "act", act, (act.issuer, act.number), held)
        if read and not same:
            deciding.need_words(reason)
    if document is not None:
        require("attach-document", by)
        kept = desk.keep(document, client=act.client, about="legal act", by=by, name="act")
        found = {"document_id": kept.document_id, "document_sha256": kept.sha256, "document_name": kept.name}
        act = act.model_copy(update=found)
    with desk.work(by) as work:
        key, facts = _enter(work, act, by)
        work.record(Protection, key, facts)
        if act.document_id is not None and act.document_sha256 is not None:
            it = work.unit.load(Protection, key)
            name = act.document_name or "act"
            facts = deciding.attach(it, act.document_id, act.document_sha256, name, by=by, at=work.at)
            work.record(Protection, key, facts)
        if read:
            it = work.unit.load(Protection, key)
            work.record(Protection, key, deciding.read_unread(it, read, same, reason, by=by, at=work.at))
    return Made(id=key)


def _enter(work: Work, act: LegalAct, by: Person) -> tuple[str, Sequence[Fact]]:
    """Return the id of the protection and what entering an act records. Raise DecisionRefused for a loan that is
    another client's."""
    key = entry_of(work.unit, act)
    facts = deciding.register_act(work.unit.load(Protection, key), act, by=by, at=work.at)
    _own_loans(work, act.client, act.loans)
    return key, facts


def _own_loans(work: Work, client: str, loans: Sequence[str]) -> None:
    """Raise DecisionRefused for loans that are known to be another client's."""
    for loan in loans:
        owner = owner_of(work.unit, loan)
        if owner and owner != client:
            raise DecisionRefused("loan {loan} is known as another client's; check client and contract", loan=loan)


def _unread(work: Work, named: str) -> str:
    """Return the id of the incident of what could not be read, by its number or id. Raise NotFound."""
    found = work.unit.find(Incident, number=named)
    key = found[0] if found else named
    if work.get(Incident, key).rule_name != UNREAD_RULE:
        raise NotFound("there is no such incident of an act that could not be read")
    return key


def _same(
    work: Work, incident_id: str, what: Unread, act: LegalAct, reference: tuple[str, str],
    entered_at: datetime | None = None,
) -> bool:  # fmt: skip
    """Say whether what could not be read says itself that it is this act, or decision about it."""
    facts = work.unit.facts(unread_key(incident_id))
    unread = next((fact for fact in facts if isinstance(fact, UnreadReceived)), None)
    if unread is not None and unread.what != what:
        raise DecisionRefused("what came in is of another kind; enter it as what it is")
    return deciding.reads_the_same(unread, act, reference, entered_at)


def _client(desk: Desk, protection_id: str, by: Person) -> str:
    """Return whose protection it is. Raise NotFound."""
    with desk.work(by) as work:
        it = work.get(Protection, protection_id)
        assert it.act is not None
        return it.act.client


@handles(AttachDocument)
def attach_document(desk: Desk, command: AttachDocument, by: Person) -> Outcome:
    """Attach a document; its original goes to the archive."""
    _attached(desk, command.protection_id, command.document, by)
    return DONE


def _attached(desk: Desk, key: str, document: Attachment, by: Person) -> str:
    """Attach a document; return its id in the archive."""
    kept = desk.keep(document, client=_client(desk, key, by), about="protection", by=by, name="")
    with desk.work(by) as work:
        it = work.get(Protection, key)
        facts = deciding.attach(it, kept.document_id, kept.sha256, kept.name, by=by, at=work.at)
        work.record(Protection, it.id, facts)
    return kept.document_id


def _kept(desk: Desk, key: str, document: Attachment | None, document_id: str, by: Person) -> str:
    """Attach a document that came with a command; return its id, or that of the one that was named."""
    return document_id if document is None else _attached(desk, key, document, by)


@handles(VerifyAct)
def verify_act(desk: Desk, command: VerifyAct, by: Person) -> Decided:
    """Check an act as a second person; that one is not genuine takes two."""
    key = command.protection_id
    document_id = _kept(desk, key, command.document, command.document_id, by)
    with desk.work(by) as work:
        it = work.get(Protection, key)
        document_id = document_id or next(reversed(it.proofs), "")
        facts = deciding.verify_act(it, command.genuine, command.reason, document_id=document_id, by=by, at=work.at)
        work.record(Protection, it.id, facts)
        return Decided(decided=work.unit.load(Protection, it.id).genuine is not None)


@in_unit(AmendAct)
def amend_act(work: Work, command: AmendAct) -> Outcome:
    """Add loans to an act."""
    it = work.get(Protection, command.protection_id)
    facts = deciding.amend_act(it, command.loans, command.received_at, command.reason, by=work.by, at=work.at)
    assert it.act is not None
    _own_loans(work, it.act.client, command.loans)
    work.record(Protection, it.id, facts)
    return DONE


@in_unit(JoinAct)
def join_act(work: Work, command: JoinAct) -> Outcome:
    """Join a double entry to its twin."""
    it, into = work.get(Protection, command.protection_id), work.get(Protection, command.into)
    work.record(Protection, it.id, deciding.join_act(it, into, command.reason, by=work.by, at=work.at))
    work.record(Protection, into.id, deciding.take_over_unread(into, it, by=work.by, at=work.at))
    return DONE


@in_unit(ReinstateAct)
def reinstate_act(work: Work, command: ReinstateAct) -> Outcome:
    """Take back what ended a protection."""
    it = work.get(Protection, command.protection_id)
    work.record(Protection, it.id, deciding.reinstate_act(it, command.reason, by=work.by, at=work.at))
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
            ruling=command.ruling, document_id=document_id, loans=command.loans, reason=command.reason,
        )  # fmt: skip
        read = _unread(work, command.incident) if command.incident else ""
        facts = deciding.rule(it, fact)
        if read:
            assert it.act is not None
            covered = it.act.model_copy(update={"loans": it.loans})
            same = _same(work, read, "court-decision", covered, (command.court, command.number))
            facts = [*facts, *deciding.read_unread(it, read, same, command.reason, by=by, at=work.at)]
        work.record(Protection, it.id, facts)
    return DONE


@handles(ProposeOutcome)
def propose_outcome(desk: Desk, command: ProposeOutcome, by: Person) -> Outcome:
    """Propose how a protection ends."""
    key = command.protection_id
    document_id = _kept(desk, key, command.document, command.document_id, by)
    with desk.work(by) as work:
        it = work.get(Protection, key)
        facts = deciding.propose_outcome(
            it, command.outcome, command.reason, loans=command.loans, document_id=document_id, by=by, at=work.at
        )
        work.record(Protection, it.id, facts)
    return DONE


@in_unit(DecideOutcome)
def decide_outcome(work: Work, command: DecideOutcome) -> Outcome:
    """Decide it as the second person."""
    it = work.get(Protection, command.protection_id)
    facts = deciding.decide_outcome(it, command.agreed, command.reason, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE


@handles(AcknowledgeOrder)
def acknowledge_order(desk: Desk, command: AcknowledgeOrder, by: Person) -> Decided:
    """Vouch that another system carried an order out; another person agrees."""
    key = command.protection_id
    document_id = _kept(desk, key, command.document, command.document_id, by)
    with desk.work(by) as work:
        it = work.get(Protection, key)
        facts = orders.acknowledge_by_hand(
            it, command.order_id, command.reference, command.reason, document_id, by=by, at=work.at
        )
        work.record(Protection, it.id, facts)
        order = work.unit.load(Protection, it.id).orders[command.order_id]
        return Decided(decided=order.acknowledged_at is not None)


@in_unit(WithdrawAcknowledgement)
def withdraw_acknowledgement(work: Work, command: WithdrawAcknowledgement) -> Outcome:
    """Say that an order was not carried out after all."""
    it = work.get(Protection, command.protection_id)
    facts = orders.withdraw_acknowledgement(it, command.order_id, command.reason, by=work.by, at=work.at)
    work.record(Protection, it.id, facts)
    return DONE
