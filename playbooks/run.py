"""A run of a playbook: which steps were entered, done or wait; every step is a fact, the interpreter is pure.

``advance`` looks at the run and gives the facts that follow by themselves, until only people or effects can go on.
Running it again gives nothing, so a crash between any two facts repeats nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never, cast, get_args

from engine.kernel.errors import DecisionRefused, NotAllowed
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.kernel.words import need_done_words, own_words
from engine.permissions import require_stage, roles_of
from playbooks.cacao import Playbook
from playbooks.conditions import parse as parse_condition

Outcome = Literal["success", "failure", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
RunState = Literal["none", "running", "completed", "failed", "cancelled"]
WORKERS = tuple(role.value for role in roles_of("complete-task"))
"""Who does a task whose playbook names no roles."""


class RunStarted(Fact):
    """A playbook was started for an incident; document version and hash are pinned, variables are bound."""

    topic: ClassVar[str] = "run.started.v1"
    run_id: str
    incident_id: str
    playbook_id: str
    playbook_name: str
    modified: str
    digest: str
    variables: dict[str, str | int | float | bool | None]


class StepEntered(Fact):
    """A step became current. ``within`` is the branching step it belongs to, empty at the top."""

    topic: ClassVar[str] = "run.step-entered.v1"
    run_id: str
    step_id: str
    within: str


class TaskOpened(Fact):
    """A person is asked to carry a step out."""

    topic: ClassVar[str] = "run.task-opened.v1"
    run_id: str
    step_id: str
    title: str
    instruction: str
    roles: tuple[str, ...]
    measure: str | None


class CommandRequested(Fact):
    """An effect was ordered; its key is the idempotency key."""

    topic: ClassVar[str] = "run.command-requested.v1"
    run_id: str
    step_id: str
    key: str
    order: str


class StepFinished(Fact):
    """A step ended, with its outcome and the evidence given."""

    topic: ClassVar[str] = "run.step-finished.v1"
    run_id: str
    step_id: str
    outcome: Outcome
    evidence: str = ""
    measure: str | None = None


class RunCompleted(Fact):
    """The last step was reached."""

    topic: ClassVar[str] = "run.completed.v1"
    run_id: str


class RunFailed(Fact):
    """A step failed and the playbook says nothing about that."""

    topic: ClassVar[str] = "run.failed.v1"
    run_id: str
    step_id: str


class RunCancelled(Fact):
    """The incident was closed as no incident, or merged; open tasks are not needed any more."""

    topic: ClassVar[str] = "run.cancelled.v1"
    run_id: str


RunFact = (
    RunStarted | StepEntered | TaskOpened | CommandRequested | StepFinished | RunCompleted | RunFailed
    | RunCancelled
)  # fmt: skip
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[RunFact], ...] = get_args(RunFact)


@dataclass
class Run:
    """The state of one run, folded from its facts."""

    id: str = ""
    incident_id: str = ""
    playbook_id: str = ""
    playbook_name: str = ""
    digest: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    entered: dict[str, str] = field(default_factory=dict)
    done: dict[str, Outcome] = field(default_factory=dict)
    waiting: dict[str, TaskOpened] = field(default_factory=dict)
    requested: dict[str, str] = field(default_factory=dict)
    state: RunState = "none"
    version: int = 0

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(RunFact, fact))

    def _take(self, fact: RunFact) -> None:
        match fact:
            case RunStarted():
                self.id, self.incident_id, self.state = fact.run_id, fact.incident_id, "running"
                self.playbook_id, self.playbook_name = fact.playbook_id, fact.playbook_name
                self.digest, self.variables = fact.digest, dict(fact.variables)
            case StepEntered():
                self.entered[fact.step_id] = fact.within
            case TaskOpened():
                self.waiting[fact.step_id] = fact
            case CommandRequested():
                self.requested[fact.step_id] = fact.key
            case StepFinished():
                self.done[fact.step_id] = fact.outcome
                self.waiting.pop(fact.step_id, None)
            case RunCompleted():
                self.state = "completed"
            case RunFailed():
                self.state = "failed"
            case RunCancelled():
                self.state = "cancelled"
                self.waiting.clear()
            case _:
                foreign(fact)


def run_id(incident_id: str, playbook_id: str) -> str:
    """Return the id of the one run of a playbook for an incident."""
    return str(derive("run", incident_id, playbook_id))


def begin(
    playbook: Playbook, incident_id: str, variables: Mapping[str, Any], *, at: datetime, actor: str, reason: str = ""
) -> RunStarted:
    """Start a playbook for an incident; variables of the playbook take the values given under their names."""
    bound = {name: variables.get(name, default) for name, default in playbook.variables.items()}
    return RunStarted(
        at=at,
        actor=actor,
        reason=reason,
        run_id=run_id(incident_id, playbook.id),
        incident_id=incident_id,
        playbook_id=playbook.id,
        playbook_name=playbook.name,
        modified=playbook.modified,
        digest=playbook.digest,
        variables=bound,
    )


def advance(run: Run, playbook: Playbook, *, at: datetime, automatic: frozenset[str] = frozenset()) -> list[Fact]:
    """Return all facts that follow by themselves. ``automatic`` names the orders the engine can carry out.

    The run given is not changed; a copy is worked on.
    """
    copy = Run(
        run.id, run.incident_id, run.playbook_id, run.playbook_name, run.digest, dict(run.variables),
        dict(run.entered), dict(run.done), dict(run.waiting), dict(run.requested), run.state, run.version,
    )  # fmt: skip
    facts: list[Fact] = []
    walker = _Walker(copy, playbook, at, automatic, facts)
    if copy.state == "running" and not copy.entered:
        walker.enter(playbook.start, "")
    progress = True
    while progress and copy.state == "running":
        before = len(facts)
        for step_id in list(copy.entered):
            if copy.state == "running":
                walker.move(step_id)
        progress = len(facts) > before
    return facts


@dataclass
class _Walker:
    run: Run
    playbook: Playbook
    at: datetime
    automatic: frozenset[str]
    facts: list[Fact]

    def add(self, fact: Fact) -> None:
        self.run.apply(fact)
        self.facts.append(fact)

    def enter(self, step_id: str, within: str) -> None:
        if step_id not in self.run.entered:
            self.add(StepEntered(at=self.at, run_id=self.run.id, step_id=step_id, within=within))

    def finish(self, step_id: str, outcome: Outcome = "success") -> None:
        self.add(StepFinished(at=self.at, run_id=self.run.id, step_id=step_id, outcome=outcome))

    def move(self, step_id: str) -> None:
        """Take one entered step as far as it goes by itself."""
        step = self.playbook.step(step_id)
        if step_id in self.run.done:
            self.follow(step_id, step)
            return
        kind = self.playbook.kind(step_id)
        match kind:
            case "start" | "end":
                self.finish(step_id)
            case "action":
                self.act(step_id, step)
            case "if-condition":
                self.choose(step_id, step)
            case "parallel":
                self.branch(step_id, step["next_steps"])
            case _:
                assert_never(kind)

    def act(self, step_id: str, step: Mapping[str, Any]) -> None:
        if step_id in self.run.waiting or step_id in self.run.requested:
            return
        extension = self.playbook.extension(step_id)
        order = str(extension.get("order", ""))
        if not self.playbook.is_manual(step_id) and order in self.automatic:
            key = str(derive("command", self.run.id, step_id))
            self.add(CommandRequested(at=self.at, run_id=self.run.id, step_id=step_id, key=key, order=order))
            return
        commands = step.get("commands", ())
        instruction = "\n".join(str(c.get("command", c.get("type", ""))) for c in commands)
        self.add(
            TaskOpened(
                at=self.at,
                run_id=self.run.id,
                step_id=step_id,
                title=str(step.get("name", step_id)),
                instruction=self.fill(str(step.get("description", "")) or instruction),
                roles=tuple(extension.get("roles", WORKERS)),
                measure=extension.get("measure"),
            )
        )

    def fill(self, text: str) -> str:
        """Put the values of variables into an instruction; values never pass through again."""
        for name, value in self.run.variables.items():
            text = text.replace(f"{name}:value", str(value if value is not None else "—"))
        return text

    def choose(self, step_id: str, step: Mapping[str, Any]) -> None:
        test, _ = parse_condition(step["condition"])
        target = step["on_true"] if test(self.run.variables) else step.get("on_false")
        if target is None:
            self.finish(step_id)
        else:
            self.branch(step_id, [target])

    def branch(self, step_id: str, targets: Sequence[str]) -> None:
        """Enter the branches of a step; it is done when each has come to its end."""
        for target in targets:
            self.enter(target, step_id)
        ends = [
            inner
            for inner, within in self.run.entered.items()
            if within == step_id and inner in self.run.done and self.playbook.kind(inner) == "end"
        ]
        if len(ends) >= len(targets):
            self.finish(step_id)

    def follow(self, step_id: str, step: Mapping[str, Any]) -> None:
        within = self.run.entered[step_id]
        if self.playbook.kind(step_id) == "end":
            if not within and self.run.state == "running":
                self.add(RunCompleted(at=self.at, run_id=self.run.id))
            return
        failed = self.run.done[step_id] == "failure"
        target = step.get("on_completion") or step.get("on_failure" if failed else "on_success")
        if failed and "on_failure" not in step:
            self.add(RunFailed(at=self.at, run_id=self.run.id, step_id=step_id))
        elif target is not None:
            self.enter(target, within)


def complete_task(run: Run, step_id: str, outcome: str, evidence: str, *, by: Person, at: datetime) -> list[Fact]:
    """A person says what came of a task; the measure it stands for goes with it."""
    task = run.waiting.get(step_id)
    if task is None:
        raise DecisionRefused("this task is not open")
    if not by.may(*task.roles):
        raise NotAllowed("this task is for {roles}", roles=task.roles)
    if outcome not in OUTCOMES:
        raise DecisionRefused("the outcome is success, failure or skipped")
    if not own_words(evidence):
        raise DecisionRefused("say what was done, or why not; it is evidence")
    if outcome == "success":
        need_done_words(evidence)
    if outcome == "skipped":
        require_stage("complete-task", by)
    measure = task.measure if outcome == "success" else None
    return [
        StepFinished(
            at=at,
            actor=by.id,
            run_id=run.id,
            step_id=step_id,
            outcome=outcome,
            evidence=evidence[:2000],
            measure=measure,
        )
    ]


def command_result(
    run: Run, step_id: str, succeeded: bool, evidence: str, measure: str | None, *, at: datetime
) -> list[Fact]:
    """Record what came of an ordered effect; a second answer changes nothing."""
    if step_id not in run.requested or step_id in run.done or run.state != "running":
        return []
    outcome: Outcome = "success" if succeeded else "failure"
    return [
        StepFinished(
            at=at,
            run_id=run.id,
            step_id=step_id,
            outcome=outcome,
            evidence=evidence[:2000],
            measure=measure if succeeded else None,
        )
    ]


def cancel(run: Run, reason: str, *, at: datetime) -> list[Fact]:
    """Stop a run that is not needed any more."""
    return [RunCancelled(at=at, run_id=run.id, reason=reason)] if run.state == "running" else []
