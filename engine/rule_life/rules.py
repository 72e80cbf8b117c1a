"""The life of a detection rule: draft → tested → proposed → approved by another person → shadow or active → retired.

A rule of the product is in force from the start. A version made here takes its place when it is activated, stands
beside it when it runs in shadow, and gives way when somebody rolls back. What may weaken detection - a rule taken out
of force, a version that may find less than the one in force - takes two persons of different roles, one of them from
compliance or the CISO. (antifraud-testing, isms-sod-is-it of the register)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, cast, get_args

from pydantic import AwareDatetime

from engine.kernel.errors import DecisionRefused, InputError, n_
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require
from engine.permissions.eyes import require_other, require_two
from engine.permissions.permission import Side

PRODUCT = "product"
"""The version in force where nothing else is: that of the product's own pack."""
Mode = Literal["active", "shadow"]
RuleStage = Literal["draft", "tested", "proposed", "approved"]


class RuleDrafted(Fact):
    """A version was written: its text, and under which name it is known (a digest of the text)."""

    topic: ClassVar[str] = "rule.drafted.v1"
    rule: str
    version: str
    text: str


class RuleTested(Fact):
    """The tests that travel with a version were run."""

    topic: ClassVar[str] = "rule.tested.v1"
    rule: str
    version: str
    tests: int
    failed: tuple[str, ...]


class RuleProposed(Fact):
    """Somebody asks that a version come into force."""

    topic: ClassVar[str] = "rule.proposed.v1"
    rule: str
    version: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class RuleApproved(Fact):
    """Another person agreed."""

    topic: ClassVar[str] = "rule.approved.v1"
    rule: str
    version: str
    proposed_by: str
    over: str = ""
    """The version that was in force then: against this one the two judged it."""


class RuleChangeProposed(Fact):
    """Somebody asks that a version which may detect less than what is in force take its place; a second person of
    another role does it."""

    topic: ClassVar[str] = "rule.change-proposed.v1"
    rule: str
    version: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class RuleActivated(Fact):
    """An approved version runs: for real, or in shadow where its findings are kept and open nothing."""

    topic: ClassVar[str] = "rule.activated.v1"
    rule: str
    version: str
    mode: Mode
    proposed_by: str = ""


class RetirementProposed(Fact):
    """Somebody asks that a rule be taken out of force."""

    topic: ClassVar[str] = "rule.retirement-proposed.v1"
    rule: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class RuleRetired(Fact):
    """The rule is out of force, by two persons."""

    topic: ClassVar[str] = "rule.retired.v1"
    rule: str
    proposed_by: str


class RuleRolledBack(Fact):
    """What was in force before is in force again."""

    topic: ClassVar[str] = "rule.rolled-back.v1"
    rule: str
    from_version: str
    to_version: str
    proposed_by: str = ""


class ShadowFinding(Fact):
    """A rule in shadow fired: what it would have raised."""

    topic: ClassVar[str] = "finding.shadowed.v1"
    finding_id: str
    rule_name: str
    rule_version: str
    dedup_key: str
    detected_at: AwareDatetime
    positions: tuple[int, ...]


RuleFact = (
    RuleDrafted | RuleTested | RuleProposed | RuleApproved | RuleActivated | RetirementProposed | RuleRetired
    | RuleRolledBack | RuleChangeProposed
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[RuleFact], ...] = get_args(RuleFact)


def rule_id(name: str) -> str:
    """Return the id under which the life of a rule stands."""
    return str(derive("rule", name))


@dataclass
class Draft:
    """One version on its way."""

    version: str
    text: str
    by: str
    stage: RuleStage = "draft"
    proposed_by: str = ""
    proposer_roles: tuple[str, ...] = ()
    over: str = ""
    """The version against which the two who approved it judged it; empty for approvals of earlier versions."""


@dataclass
class RuleLife:
    """Where a rule stands: its versions, the one in force, the one in shadow, and what was in force before."""

    id: str = ""
    version: int = 0
    name: str = ""
    drafts: dict[str, Draft] = field(default_factory=dict)
    in_force: str = PRODUCT
    shadow: str = ""
    before: list[str] = field(default_factory=list)
    retirement_by: str = ""
    retirement_roles: tuple[str, ...] = ()
    change: RuleChangeProposed | None = None
    """The version that waits for a second person to take the place of the one in force."""

    @property
    def retired(self) -> bool:
        """Whether no version is in force."""
        return self.in_force == ""

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(RuleFact, fact))

    def _take(self, fact: RuleFact) -> None:
        match fact:
            case RuleDrafted():
                self.id, self.name = rule_id(fact.rule), fact.rule
                self.drafts[fact.version] = Draft(fact.version, fact.text, fact.actor)
            case RuleTested():
                self.drafts[fact.version].stage = "draft" if fact.failed else "tested"
            case RuleProposed():
                draft = self.drafts[fact.version]
                draft.stage, draft.proposed_by, draft.proposer_roles = "proposed", fact.actor, fact.roles
            case RuleApproved():
                draft = self.drafts[fact.version]
                draft.stage, draft.over = "approved", fact.over
            case RuleChangeProposed():
                self.change = fact
            case RuleActivated(mode="shadow"):
                self.shadow = fact.version
            case RuleActivated():
                self._into_force(fact.version)
                self.shadow = "" if self.shadow == fact.version else self.shadow
            case RetirementProposed():
                self.id, self.name, self.retirement_by = rule_id(fact.rule), fact.rule, fact.actor
                self.retirement_roles = fact.roles
            case RuleRetired():
                self._into_force("")
                self.shadow = ""
            case RuleRolledBack():
                self.in_force = self.before.pop()
                self.retirement_by, self.change = "", None
            case _:
                foreign(fact)

    def _into_force(self, version: str) -> None:
        self.before.append(self.in_force)
        self.in_force, self.retirement_by, self.change = version, "", None


def draft(name: str, version: str, text: str, *, by: Person, reason: str, at: AwareDatetime) -> list[Fact]:
    """Write a version. Raise NotAllowed, InputError."""
    require("draft-rule", by)
    _given(reason)
    return [RuleDrafted(at=at, actor=by.id, reason=reason, rule=name, version=version, text=text)]


def tested(
    it: RuleLife, version: str, tests: int, failed: Sequence[str], *, by: Person, at: AwareDatetime
) -> list[Fact]:
    """Record that the tests of a version were run. Raise DecisionRefused."""
    require("try-rule", by)
    held = _draft(it, version)
    if held.stage not in ("draft", "tested"):
        raise DecisionRefused("this version is {stage} already", stage=held.stage)
    return [RuleTested(at=at, actor=by.id, rule=it.name, version=version, tests=tests, failed=tuple(failed))]


def propose(it: RuleLife, version: str, *, by: Person, reason: str, at: AwareDatetime) -> list[Fact]:
    """Ask that a tested version come into force. Raise NotAllowed, DecisionRefused."""
    require("propose-rule", by)
    _given(reason)
    held = _draft(it, version)
    if held.stage != "tested":
        raise DecisionRefused("only a version whose tests hold can be proposed; this one is {stage}", stage=held.stage)
    return [RuleProposed(at=at, actor=by.id, reason=reason, rule=it.name, version=version, roles=by.held_roles)]


def approve(
    it: RuleLife, version: str, *, by: Person, reason: str, at: AwareDatetime, loosens: bool = True
) -> list[Fact]:
    """Agree, as somebody who neither wrote nor proposed it; where it may detect less than what is in force
    (``loosens``), as somebody of another role. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("approve-rule", by)
    _given(reason)
    held = _draft(it, version)
    if held.stage != "proposed":
        raise DecisionRefused("only a proposed version can be approved; this one is {stage}", stage=held.stage)
    refusal = n_("who wrote or proposed a version cannot approve it")
    require_other("propose-rule", by, {Side.AUTHOR: (held.by,), Side.PROPOSER: (held.proposed_by,)}, refusal)
    if loosens:
        require_two("propose-rule", held.proposed_by, held.proposer_roles, by, refusal)
    return [
        RuleApproved(
            at=at, actor=by.id, reason=reason, rule=it.name, version=version, proposed_by=held.proposed_by,
            over=it.in_force,
        )
    ]  # fmt: skip


def activate(
    it: RuleLife, version: str, mode: Mode, *, by: Person, reason: str, at: AwareDatetime, loosens: bool = True
) -> list[Fact]:
    """Let an approved version run. Where it may detect less than what is in force, and was not approved for its place,
    the first person only asks. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("activate-rule", by)
    _given(reason)
    if _draft(it, version).stage != "approved":
        raise DecisionRefused("only a version that another person approved may run")
    if (it.in_force if mode == "active" else it.shadow) == version:
        raise DecisionRefused("this version is {mode} already", mode=mode)
    proposer = ""
    if mode == "active" and loosens and not _approved_for_its_place(it, version):
        if it.change is None or it.change.version != version:
            return [_change(it, version, by=by, reason=reason, at=at)]
        proposer = _second_of(it.change, "activate-rule", by)
    return [
        RuleActivated(
            at=at, actor=by.id, reason=reason, rule=it.name, version=version, mode=mode, proposed_by=proposer
        )
    ]  # fmt: skip


def _approved_for_its_place(it: RuleLife, version: str) -> bool:
    """Whether two persons judged a version against the one that is in force now."""
    over = it.drafts[version].over
    return over == it.in_force if over else version not in it.before


def _change(it: RuleLife, version: str, *, by: Person, reason: str, at: AwareDatetime) -> RuleChangeProposed:
    return RuleChangeProposed(
        at=at, actor=by.id, reason=reason, rule=it.name, version=version, roles=by.held_roles
    )  # fmt: skip


def _second_of(change: RuleChangeProposed, command: str, by: Person) -> str:
    """Return who asked for a change, where this person may do it. Raise SecondPersonNeeded, DecisionRefused."""
    require_two(command, change.actor, change.roles, by, n_("who asked for what may detect less cannot also do it"))
    return change.actor


def retire(it: RuleLife, name: str, *, by: Person, reason: str, at: AwareDatetime) -> list[Fact]:
    """Take a rule out of force: the first person asks, a second one does it. Raise NotAllowed, DecisionRefused."""
    require("retire-rule", by)
    _given(reason)
    if it.retired:
        raise DecisionRefused("the rule is out of force already")
    if not it.retirement_by:
        return [RetirementProposed(at=at, actor=by.id, reason=reason, rule=name, roles=by.held_roles)]
    refusal = n_("who proposed the retirement cannot also decide it")
    require_two("retire-rule", it.retirement_by, it.retirement_roles, by, refusal)
    return [RuleRetired(at=at, actor=by.id, reason=reason, rule=name, proposed_by=it.retirement_by)]


def roll_back(it: RuleLife, *, by: Person, reason: str, at: AwareDatetime, loosens: bool = True) -> list[Fact]:
    """Put what was in force before into force again: at once, but for what may detect less (``loosens``), which takes
    two persons. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("roll-back-rule", by)
    _given(reason)
    if not it.before:
        raise DecisionRefused("nothing else was ever in force")
    if it.before[-1] == "":
        raise DecisionRefused("before this the rule was out of force; that takes two persons, see 'retire'")
    to = it.before[-1]
    proposer = ""
    if loosens:
        if it.change is None or it.change.version != to:
            return [_change(it, to, by=by, reason=reason, at=at)]
        proposer = _second_of(it.change, "roll-back-rule", by)
    return [
        RuleRolledBack(
            at=at, actor=by.id, reason=reason, rule=it.name, from_version=it.in_force, to_version=to,
            proposed_by=proposer,
        )
    ]  # fmt: skip


def _draft(it: RuleLife, version: str) -> Draft:
    held = it.drafts.get(version)
    if held is None:
        raise InputError("the rule has no version {version}", field="version", version=version[:40])
    return held


def _given(reason: str) -> None:
    if not reason.strip():
        raise InputError("give a reason", field="reason")
