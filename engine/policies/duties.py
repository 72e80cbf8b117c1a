"""The declared duties at work: clocks start, end and are re-anchored as the data of the law say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from engine.containment import facts as b
from engine.duties import clock as clocks
from engine.duties import facts as c
from engine.duties.clock import Clock
from engine.duties.declared import DeclaredDuty, Phrase
from engine.duties.policy import ClockPolicy
from engine.governance import facts as g
from engine.governance.matters import MATTER_FACTS, MatterFact
from engine.incidents.incident import Incident
from engine.kernel.errors import InputError
from engine.kernel.facts import ENGINE, Fact, StoredFact
from engine.kernel.ids import derive
from engine.kernel.ports import Context
from engine.kernel.trouble import DutyNotCounted
from engine.notices import facts as n
from engine.notices.notice import Notice
from engine.policies import occasions
from engine.policies.meaning import Cancellation, Evidence, Meaning, Occasion
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import ClockSpec, count_term

OWED_AGAIN = "the duty is owed again"


class DutyPolicy:
    """Runs the clocks of every jurisdiction of an organisation."""

    name: str = "clocks"
    after: tuple[str, ...] = ()

    def __init__(self, calendars: Mapping[str, BusinessCalendar], policy: ClockPolicy) -> None:
        self.calendars = calendars
        """By jurisdiction."""
        self.policy = policy
        found: dict[tuple[str, str], dict[str, None]] = {}
        for duty in policy.known:
            for phrase in duty.satisfactions:
                found.setdefault((phrase.word, phrase.about), {})[duty.id] = None
        self.ids = {words: tuple(ids) for words, ids in found.items()}
        """What evidence says, and about what → the duties of which at least one entry names it."""
        follows = any(phrase.word == "report-submitted" for duty in policy.declared for phrase in duty.starts)
        self.answers: tuple[type[Fact], ...] = (
            *occasions.INCIDENT_FACTS, *occasions.NOTICE_FACTS, *occasions.PROTECTION_FACTS, *g.FACTS,
            *occasions.CONTAINMENT_FACTS, *MATTER_FACTS, g.ServiceBegan,
            *((c.ClockSatisfied,) if follows else ()),
        )  # fmt: skip

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        meaning = self._meaning(context, stored.fact)
        for evidence in meaning.evidence:
            if not evidence.proof:
                self._satisfy(context, evidence, stored)
        for occasion in meaning.occasions:
            self._begin(context, occasion)
        for occasion, reason in meaning.grown:
            self._reanchor(context, occasion, reason)
        for evidence in meaning.evidence:
            if evidence.proof:  # work that was done elsewhere: the clock it satisfies may just have been started
                self._satisfy(context, evidence, stored)
        for cancellation in meaning.cancelled:
            self._cancel(context, cancellation, stored.fact)
        for occasion, reason in meaning.resumed:
            self._resume(context, occasion, reason, stored.fact)
        for evidence, reason in meaning.withdrawn:
            self._withdraw_proof(context, evidence, reason, stored.fact)

    def prepare(self, context: Context, facts: Sequence[Fact]) -> None:
        """Load together the clocks of the notices that went out or came back."""
        keys = [fact.notice_id for fact in facts if isinstance(fact, n.NoticeSent | n.NoticeBounced)]
        context.prepare(Notice, keys)
        held = [context.load(Notice, key) for key in keys]
        context.prepare(
            Clock,
            [
                clocks.clock_id(duty, it.incident_id, it.subject)
                for it in held
                for duty in self.ids.get(("notice-sent", it.kind), ())
            ],
        )

    def _meaning(self, context: Context, fact: Fact) -> Meaning:
        match fact:
            case n.NoticeSent() | n.NoticeBounced():
                return occasions.of_notice(context, fact)
            case g.ServiceBegan():
                return occasions.of_beginning(context, fact)
            case _ if isinstance(fact, MatterFact):
                return occasions.of_matter(fact)
            case c.ClockSatisfied():
                return occasions.of_clock(context.past(Clock, fact.clock_id))
            case b.ReleaseOrdered() | b.ReleaseConfirmed():
                return occasions.of_containment(context, fact)
            case _ if isinstance(fact, occasions.PROTECTION_FACTS):
                return occasions.of_protection(context, fact)
            case _ if isinstance(fact, g.FACTS):
                return occasions.of_duty(context, fact, self.policy.home_calendar(self.calendars))
        return occasions.of_incident(context, fact)

    def _begin(self, context: Context, occasion: Occasion) -> None:
        owed = [
            duty for duty in self.policy.declared
            if any(text in occasion.words for text in duty.starts_on) and occasion.holds(duty)
        ]  # fmt: skip
        subjects = {id(duty): occasion.subjects(duty) for duty in owed}
        few = [duty for duty in owed if len(subjects[id(duty)]) == 1]
        keys = [clocks.clock_id(duty.id, occasion.owner_id, subjects[id(duty)][0], occasion.about) for duty in few]
        context.prepare(Clock, keys)
        for duty in owed:
            key = partial(clocks.clock_id, duty.id, occasion.owner_id, about=occasion.about)
            # Two entries may have one id, and one fact may be an occasion for several owners.
            part = f"start {duty.id} {duty.valid_from} {occasion.words[0]} {occasion.owner_id}"
            for subject in context.each(part, subjects[id(duty)], Clock, key):
                anchor = self._anchor(duty, occasion, subject)
                if anchor is not None and duty.in_force(self._calendar(duty).local(anchor).date()):
                    self._start(context, duty, occasion, subject, anchor)

    def _start(self, context: Context, duty: DeclaredDuty, occasion: Occasion, subject: str, anchor: datetime) -> None:
        """Start a clock. One that is there was cancelled with its incident, and is owed again, or runs already."""
        key = clocks.clock_id(duty.id, occasion.owner_id, subject, occasion.about)
        held = context.load(Clock, key)
        if held.id:
            if occasion.until is None:
                resumed = clocks.resume(held, OWED_AGAIN, actor=ENGINE, at=context.at, again=occasion.again)
                context.record(Clock, key, resumed)
            return
        try:
            started = self._started(context, duty, occasion, subject, anchor)
        except InputError as error:  # a fact of an earlier version: nothing else of the log may wait behind it
            self._tell(context, key, duty, occasion, error)
            return
        context.record(Clock, key, [started])

    def _tell(self, context: Context, key: str, duty: DeclaredDuty, occasion: Occasion, error: InputError) -> None:
        """Tell people of a duty that could not be counted."""
        failed = DutyNotCounted(
            at=context.at, clock_id=key, duty=duty.id, owner_kind=occasion.owner_kind, owner_id=occasion.owner_id,
            detail=error.message[:300],
        )  # fmt: skip
        context.record_single(str(derive("effect-failed", "clock", key)), failed)

    def _started(
        self, context: Context, duty: DeclaredDuty, occasion: Occasion, subject: str, anchor: datetime
    ) -> c.ClockStarted:
        """Return the fact that a clock runs. Raise InputError for an anchor that no term can be counted from."""
        calendar, spec = self._calendar(duty), self.policy.spec_of(duty)
        if spec is None:
            assert occasion.until is not None
            return clocks.start_until(
                duty.id, occasion.until, owner_id=occasion.owner_id, subject=subject, anchor_at=anchor, at=context.at,
                calendar_version=calendar.version, obligations=duty.obligations, ladder=self.policy.ladder,
            )  # fmt: skip
        started = clocks.start(
            spec, owner_kind=occasion.owner_kind, owner_id=occasion.owner_id, subject=subject, anchor_at=anchor,
            at=context.at, calendar=calendar, reading=duty.reading or self.policy.reading_of(duty.id),
            ladder=self.policy.ladder, target_percent=self.policy.target_percent,
            outer=self._outer(duty, occasion, subject), about=occasion.about,
        )  # fmt: skip
        return _raised(started, spec, occasion.incident, calendar) if duty.when else started

    def _anchor(self, duty: DeclaredDuty, occasion: Occasion, subject: str) -> datetime | None:
        """The instant a term runs from. What only the confirmation raised counts from it where the house wants that."""
        anchor, it = occasion.anchor(duty.anchor, subject), occasion.incident
        late = self.policy.counts_from == "confirmation" and it is not None and it.on_confirmation
        if late and it is not None and it.raised_at is not None and anchor is not None and duty.when:
            return max(anchor, it.raised_at)
        return anchor

    def _outer(self, duty: DeclaredDuty, occasion: Occasion, subject: str) -> datetime | None:
        return occasion.anchor(duty.within.anchor, subject) if duty.within is not None else None

    def _reanchor(self, context: Context, occasion: Occasion, reason: str) -> None:
        """Let the clocks of an incident run from the earliest detection that is in it now."""
        assert occasion.incident is not None
        for clock in self._concerned(context, occasion):
            duty = self.policy.entry_of(clock)
            spec = self.policy.spec_of(duty) if duty is not None else None
            if duty is None or spec is None:
                continue
            anchor = self._anchor(duty, occasion, clock.subject)
            if anchor is not None:
                facts = clocks.reanchor(
                    clock, spec, anchor, at=context.at, reason=reason, calendar=self._calendar(duty),
                    outer=self._outer(duty, occasion, clock.subject),
                )  # fmt: skip
                context.record(Clock, clock.id, facts)

    def _concerned(self, context: Context, occasion: Occasion) -> Iterator[Clock]:
        """The clocks that an occasion may move: those of the clients it is about, where it is about some only."""
        if occasion.only is None:
            yield from self._of(context, f"move {occasion.words[0]}", occasion.owner_id, running=True)
            return
        kinds = dict.fromkeys(duty.id for duty in self.policy.declared if duty.per == "client")
        keys = [clocks.clock_id(kind, occasion.owner_id, it) for kind in kinds for it in occasion.only]
        for key in context.each(f"move some {occasion.words[0]}", keys, Clock):
            clock = context.load(Clock, key)
            if clock.id:
                yield clock

    def _satisfy(self, context: Context, evidence: Evidence, stored: StoredFact) -> None:
        for duty_id in self.ids.get((evidence.word, evidence.about), ()):
            for clock in self._meant(context, duty_id, evidence):
                duty = self.policy.entry_of(clock)
                if duty is None or not self._does(duty, evidence):
                    continue
                proof = evidence.proof or f"{stored.fact.topic} at position {stored.position}"
                facts = clocks.satisfy(
                    clock, proof=proof, done_at=evidence.done_at, at=context.at,
                    actor=ENGINE if evidence.proof else stored.fact.actor,
                )  # fmt: skip
                context.record(Clock, clock.id, facts)

    def _meant(self, context: Context, duty_id: str, evidence: Evidence) -> Iterator[Clock]:
        """The clocks that evidence is about: of a returning duty all whose term began before the day it was done."""
        if evidence.stage in ("follow_up", "supplement", "unblock"):
            whose = {"subject": evidence.subject} if evidence.stage != "follow_up" else {}
            for key in context.find(Clock, owner_id=evidence.owner_id, duty=duty_id, **whose):
                clock = context.load(Clock, key)
                if evidence.since is None or clock.started_at is None or clock.started_at <= evidence.since:
                    yield clock
            return
        if evidence.word != "duty-done":
            yield context.load(Clock, clocks.clock_id(duty_id, evidence.owner_id, evidence.subject))
            return
        for clock in self._of(context, f"satisfy {duty_id} {evidence.subject}", evidence.owner_id, running=True):
            if clock.kind == duty_id and clock.running and clock.subject < evidence.subject:
                yield clock

    def _cancel(self, context: Context, cancellation: Cancellation, cause: Fact) -> None:
        for clock in self._of(context, f"cancel {cancellation.word}", cancellation.owner_id, running=True):
            duty = self.policy.entry_of(clock)
            declared = duty is not None and duty.counted_only is None
            if declared and duty is not None and cancellation.word not in duty.cancelled_by:
                continue
            keep = cancellation.keep
            if keep is not None and (not declared or clock.subject in keep):
                continue
            facts = clocks.cancel(
                clock, cancellation.reason, actor=cause.actor, second_person=cancellation.second_person, at=context.at
            )
            context.record(Clock, clock.id, facts)

    def _resume(self, context: Context, occasion: Occasion, reason: str, cause: Fact) -> None:
        for clock in self._of(context, "resume", occasion.owner_id):
            duty = self.policy.entry_of(clock)
            if duty is None or occasion.holds(duty):
                facts = clocks.resume(clock, reason, actor=cause.actor, at=context.at)
                context.record(Clock, clock.id, facts)

    def _withdraw_proof(self, context: Context, evidence: Evidence, reason: str, cause: Fact) -> None:
        for duty_id in self.ids.get((evidence.word, evidence.about), ()):
            for clock in self._meant(context, duty_id, evidence):
                duty = self.policy.entry_of(clock)
                if duty is not None and self._does(duty, evidence):
                    facts = clocks.withdraw_proof(clock, reason, at=context.at, actor=cause.actor)
                    context.record(Clock, clock.id, facts)

    def _does(self, duty: DeclaredDuty, evidence: Evidence) -> bool:
        """Say whether evidence is what a duty asks for. The kinds of notices are those of the organisation's home, so
        they tell nobody of another jurisdiction."""
        if evidence.word == "notice-sent" and duty.jurisdiction != self.policy.jurisdictions[0]:
            return False
        return any(_proves(phrase, evidence) for phrase in duty.satisfactions)

    def _of(self, context: Context, part: str, owner: str, **more: object) -> Iterator[Clock]:
        """The clocks of an owner, in as many units of work as it takes; ``part`` names the loop."""
        for key in context.each(part, context.find(Clock, owner_id=owner, **more), Clock):
            yield context.load(Clock, key)

    def _calendar(self, duty: DeclaredDuty) -> BusinessCalendar:
        return self.calendars[duty.jurisdiction]


def _raised(
    started: c.ClockStarted, spec: ClockSpec, incident: Incident | None, calendar: BusinessCalendar
) -> c.ClockStarted:
    """Say of a clock that people raised late when they did, until when it would run from there, and if it was late."""
    if incident is None or incident.raised_at is None:
        return started
    ends = started.due_at if started.reading == "strict" else started.latest_at
    confirmed = count_term(spec, incident.raised_at, calendar).latest_at
    return started.model_copy(
        update={
            "confirmed_at": incident.raised_at,
            "confirmed_due_at": confirmed,
            "late_because": "triage" if ends <= incident.raised_at else "",
        }
    )


def _proves(phrase: Phrase, evidence: Evidence) -> bool:
    """Say whether evidence is what a phrase asks for; a notice is the first of its kind unless a stage is named."""
    stage = phrase.stage or ("initial" if phrase.word == "notice-sent" else "")
    return (phrase.word, phrase.about, stage) == (evidence.word, evidence.about, evidence.stage)
