"""Governance: yearly duties, corrective actions, evidence that people hand in, controls, and the risk registers.

KMG 4.2.1, 5.2, 6–8 (reviews, audits, actions, statement of applicability), PROcredit 14–23 (assets and risks: of
several expert scores the highest counts), Kredit Seven 6.1 (fraud risks) and 8.2 (yearly review of the document).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import cast

from pydantic import BaseModel, ConfigDict, model_validator

from engine.governance.facts import (
    TREATMENTS,
    ActionClosed,
    ActionPlanned,
    ControlStated,
    DutyDone,
    DutyFact,
    EvidenceRecorded,
    MemberDone,
    MemberGone,
    MemberKnown,
    Output,
    RiskEntered,
    RiskFact,
    RiskScored,
    RiskTreated,
)
from engine.governance.register import builtin_register
from engine.governance.signs import Sign
from engine.kernel.errors import DecisionRefused, InputError, NotFound, SecondPersonNeeded
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.kernel.words import need_done_words, own_words
from engine.kernel.yaml_text import read_yaml
from engine.permissions import require

LEVELS = (1, 2, 3, 4, 5)
LONGEST_AGO = timedelta(days=3 * 366)
"""How far back a person may say that a duty was done."""


class MemberSign(Sign):
    """What names one of those a duty has to be done for, and in which field."""

    key: str


class DutySpec(BaseModel):
    """A duty that returns: what it is called, the obligations it answers, the clock that reminds of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str
    title: str
    clock: str
    obligations: tuple[str, ...]
    done_by: tuple[Sign, ...] = ()
    """What other systems must say for it to be done as a whole."""
    members: tuple[MemberSign, ...] = ()
    """What names those it has to be done for, one by one: all of them, or it is not done."""
    leave: tuple[MemberSign, ...] = ()
    each: tuple[MemberSign, ...] = ()
    """What says that it was done for one of them."""

    @model_validator(mode="after")
    def _done_by_what_was_done(self) -> DutySpec:
        for sign in (*self.done_by, *self.each):
            if sign.outcome not in ("done", "not_failed"):
                raise ValueError(f"duty '{self.key}' is done only by what was done, not by any '{sign.event}'")
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """Event types of other systems that say it was done, or of one part of it."""
        return tuple(dict.fromkeys(sign.event for sign in (*self.done_by, *self.each)))

    @property
    def read(self) -> tuple[str, ...]:
        """Every event type it reads."""
        return tuple(dict.fromkeys((*self.events, *(sign.event for sign in (*self.members, *self.leave)))))


@lru_cache(maxsize=1)
def duty_specs() -> dict[str, DutySpec]:
    """Read the returning duties that ship with the product, by key."""
    text = (resources.files("engine") / "data" / "kz" / "returning_duties.yml").read_text(encoding="utf8")
    return {key: DutySpec(key=key, **entry) for key, entry in read_yaml(text)["duties"].items()}


@dataclass
class Duty:
    """What was done for one returning duty, or handed in for one obligation."""

    id: str = ""
    key: str = ""
    done: list[DutyDone] = field(default_factory=list)
    actions: dict[str, ActionPlanned] = field(default_factory=dict)
    closed: dict[str, ActionClosed] = field(default_factory=dict)
    evidence: list[EvidenceRecorded] = field(default_factory=list)
    members: dict[str, date | None] = field(default_factory=dict)
    """Those it has to be done for, and the day it was done for each last."""
    version: int = 0

    @property
    def last_on(self) -> date | None:
        """The day it was done last."""
        return max((it.done_on for it in self.done), default=None)

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(DutyFact, fact))

    def _take(self, fact: DutyFact) -> None:
        match fact:
            case DutyDone():
                self.id, self.key = fact.duty_id, fact.key
                self.done.append(fact)
            case ActionPlanned():
                self.id, self.key = fact.duty_id, fact.key
                self.actions[fact.action_id] = fact
            case ActionClosed():
                self.closed[fact.action_id] = fact
            case EvidenceRecorded():
                self.id, self.key = fact.duty_id, fact.key
                self.evidence.append(fact)
            case MemberKnown():
                self.id, self.key = fact.duty_id, fact.key
                self.members.setdefault(fact.member, None)
            case MemberGone():
                self.members.pop(fact.member, None)
            case MemberDone():
                self.id, self.key = fact.duty_id, fact.key
                self.members[fact.member] = fact.done_on
            case _:
                foreign(fact)


@dataclass
class Control:
    """One control as the organisation states it."""

    id: str = ""
    control: str = ""
    stated: ControlStated | None = None
    version: int = 0

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        if isinstance(fact, ControlStated):
            self.id, self.control, self.stated = fact.control_id, fact.control, fact


@dataclass
class Risk:
    """One risk with every expert's score."""

    id: str = ""
    entered: RiskEntered | None = None
    scores: dict[str, RiskScored] = field(default_factory=dict)
    treated: RiskTreated | None = None
    version: int = 0

    @property
    def likelihood(self) -> int:
        """The highest of the experts' scores (PROcredit 22); 0 before the first."""
        return max((score.likelihood for score in self.scores.values()), default=0)

    @property
    def loss(self) -> tuple[int, int, int]:
        """The highest score of the loss of confidentiality, integrity and availability."""
        scores = list(self.scores.values())
        return (
            max((s.confidentiality for s in scores), default=0),
            max((s.integrity for s in scores), default=0),
            max((s.availability for s in scores), default=0),
        )

    @property
    def level(self) -> int:
        """Likelihood times the greatest loss, 0 to 25 (PROcredit 23)."""
        return self.likelihood * max(self.loss)

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(RiskFact, fact))

    def _take(self, fact: RiskFact) -> None:
        match fact:
            case RiskEntered():
                self.id, self.entered = fact.risk_id, fact
            case RiskScored():
                self.scores[fact.expert] = fact
            case RiskTreated():
                self.treated = fact
            case _:
                foreign(fact)


def duty_id(key: str) -> str:
    """Return the id of a returning duty, or of an obligation's evidence (``obligation:<id>``)."""
    return str(derive("duty", key))


def control_id(control: str) -> str:
    """Return the id of a control."""
    return str(derive("control", control))


def risk_id(book: str, name: str) -> str:
    """Return the id of a risk: the same name in the same register is the same risk."""
    return str(derive("risk", book, name.casefold()))


def done(
    key: str, done_on: date, evidence: str, document_id: str, *, by: Person, today: date, at: datetime
) -> Sequence[Fact]:
    """Record that a returning duty was done on a day, with its evidence in words or a document."""
    require("record-duty", by)
    if key not in duty_specs():
        raise NotFound("there is no duty '{key}'; known: {known}", key=key, known=sorted(duty_specs()))
    if done_on > today:
        raise InputError("it cannot have been done in the future", field="done_on")
    if done_on < today - LONGEST_AGO:
        raise InputError("a day more than three years ago is a slip of the hand", field="done_on")
    if not own_words(evidence) or len(evidence) > 5_000:
        raise DecisionRefused("say in your own words what proves it, in at most 5000 characters")
    need_done_words(evidence)
    return [
        DutyDone(
            at=at, actor=by.id, duty_id=duty_id(key), key=key, done_on=done_on, evidence=evidence,
            document_id=document_id,
        )
    ]  # fmt: skip


def plan_action(duty: Duty, key: str, output: Output, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Plan a corrective action; the same one again changes nothing."""
    require("plan-action", by)
    if key not in duty_specs():
        raise NotFound("there is no duty '{key}'", key=key)
    if output.due_on < at.date() - timedelta(days=1):
        raise InputError("an action is planned for a day to come", field="due_on")
    action = str(derive("action", key, output.text, output.owner, output.due_on.isoformat()))
    if action in duty.actions:
        return []
    return [
        ActionPlanned(
            at=at, actor=by.id, duty_id=duty_id(key), key=key, action_id=action, text=output.text,
            owner=output.owner, due_on=output.due_on,
        )
    ]  # fmt: skip


def close_action(duty: Duty, action: str, evidence: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Record that an action was carried out."""
    require("close-action", by)
    if action not in duty.actions or action in duty.closed:
        raise DecisionRefused("there is no such open action")
    if not own_words(evidence):
        raise DecisionRefused("closing an action needs its evidence, in your own words")
    need_done_words(evidence)
    return [ActionClosed(at=at, actor=by.id, duty_id=duty.id, action_id=action, evidence=evidence)]


def record_evidence(
    obligation: str, text: str, document_id: str, valid_until: date | None, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Hand in evidence for an obligation of the register."""
    require("record-evidence", by)
    if obligation not in builtin_register():
        raise NotFound("obligation '{obligation}' is not in the register", obligation=obligation)
    if not own_words(text) or len(text) > 5_000:
        raise DecisionRefused("say in your own words what proves it, in at most 5000 characters")
    need_done_words(text)
    key = f"obligation:{obligation}"
    return [
        EvidenceRecorded(
            at=at, actor=by.id, duty_id=duty_id(key), key=key, obligation=obligation, text=text,
            document_id=document_id, valid_until=valid_until,
        )
    ]  # fmt: skip


def state_control(control: str, applicable: bool, justification: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """State whether a control applies; both ways need a justification."""
    require("state-control", by)
    if control not in controls():
        raise NotFound("there is no control '{control}' in ISO/IEC 27001:2022 Annex A", control=control)
    if not justification.strip():
        raise DecisionRefused("a control needs a justification, applicable or not")
    return [
        ControlStated(
            at=at, actor=by.id, control_id=control_id(control), control=control, applicable=applicable,
            justification=justification,
        )
    ]  # fmt: skip


def enter_risk(risk: Risk, entry: RiskEntered, *, by: Person) -> Sequence[Fact]:
    """Write a risk into a register, or correct its description."""
    require("enter-risk", by)
    if not entry.name.strip() or not entry.asset.strip() or not entry.threat.strip():
        raise DecisionRefused("a risk has a name, what it concerns and a threat")
    if risk.entered is not None and risk.entered.model_copy(update={"at": entry.at, "actor": entry.actor}) == entry:
        return []
    return [entry]


def score_risk(
    risk: Risk, likelihood: int, loss: tuple[int, int, int], expert: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Record an expert's score. Another score of the same expert replaces that expert's own and nobody else's."""
    require("score-risk", by)
    if any(value not in LEVELS for value in (likelihood, *loss)):
        raise InputError("likelihood and loss are numbers from 1 to 5", field="score")
    if expert.strip() != by.id:
        raise InputError("a score is given in one's own name; another expert records it himself", field="expert")
    return [
        RiskScored(
            at=at, actor=by.id, risk_id=risk.id, expert=expert.strip(), likelihood=likelihood,
            confidentiality=loss[0], integrity=loss[1], availability=loss[2],
        )
    ]  # fmt: skip


def treat_risk(
    risk: Risk, treatment: str, measures: str, due_on: date | None, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Decide what is done about a risk; the residual risk is accepted by somebody who did not score it."""
    require("treat-risk", by)
    if treatment not in TREATMENTS:
        raise InputError("a treatment is reduce, accept, avoid or transfer", field="treatment")
    if not risk.scores:
        raise DecisionRefused("a risk is treated after it was scored")
    if treatment == "accept" and by.id in {score.actor for score in risk.scores.values()}:
        raise SecondPersonNeeded("who scored a risk cannot also accept it")
    if not measures.strip():
        raise DecisionRefused("say what is done, or why the risk is accepted")
    return [RiskTreated(at=at, actor=by.id, risk_id=risk.id, treatment=treatment, measures=measures, due_on=due_on)]


class AnnexControl(BaseModel):
    """One control of ISO/IEC 27001:2022 Annex A: number, short name, the obligations that stand behind it here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    name: str
    obligations: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def controls() -> dict[str, AnnexControl]:
    """Read the controls of Annex A, by number."""
    text = (resources.files("engine") / "data" / "controls.yml").read_text(encoding="utf8")
    return {entry["id"]: AnnexControl.model_validate(entry) for entry in read_yaml(text)["controls"]}
