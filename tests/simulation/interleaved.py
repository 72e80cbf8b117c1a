"""Runs a story with the steps of the followers in another order, in other batches, or with one fault, and compares
what came of it with the run in listed order.

A story is a plain scenario over a ``World``: wherever it lets the house work, the steps of all stages are interleaved
as a ``Plan`` says, until none has anything to do; then the two runs must show the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from argon2 import PasswordHasher

import infra.commands.rulebook as rulebook
import infra.processes.base as base
from engine.kernel.answers import NOBODY, Asked, Subject
from engine.kernel.ports import Delivery
from engine.notices.notice import Notice
from infra.app.container import Outside, open_container, stages_of
from infra.lab.simulate.outside import done
from infra.lab.simulate.year import SIMULATED, SharedDrafter, plain
from infra.outbound.orders import Contract, HttpPost
from infra.processes.base import Stage
from infra.settings.settings import Settings
from infra.store.models.duties import ClockRow, OrderRow
from infra.store.models.effects import EffectRow
from infra.store.models.record import stored
from infra.store.sql.database import StoreUnavailable
from rules.detection.loader import RuleSet
from rules.detection.pack import builtin_rules
from tests.golden.canonical import Referred, read
from tests.support import MovingClock, World

Story = Callable[[World], None]
FAULTS = ("before", "early", "inside", "after")
"""Where a fault happens: before a unit begins, after the first fact of a batch was answered, when everything was
written and nothing committed, after the commit."""
RULES = frozenset({
    "iin-immutable", "sensitive-change", "bulk-query", "collection-after-stop", "fraud-complaint",
    "privileged-without-approval", "unexpected-egress",
})  # fmt: skip
"""The rules that the stories fire."""
LEFT_OUT = ("search",)
"""Stages that decide nothing and cost time."""
MOST_STEPS = 3_000
"""Steps of one phase, after which it is said never to rest."""
SHRINKING = 40
"""Runs that may be spent on making a counterexample small."""


# -- what a run is --


@dataclass(frozen=True)
class Phase:
    """How the stages run once: single steps first, then all in turn until nothing is left."""

    steps: tuple[tuple[str, int], ...] = ()
    """(stage, facts in a batch), one after the other."""
    turn: tuple[str, ...] = ()
    """The order of the rest; empty for the listed one."""
    batch: int = 0
    """Facts in a batch of the rest; 0 for as many as the product takes."""


@dataclass(frozen=True)
class Fault:
    """The store is away once: in which phase, at which unit of which stage, and where in it."""

    phase: int
    stage: str
    where: str
    unit: int


@dataclass(frozen=True)
class Plan:
    """A run: its phases (the listed order for those not named) and perhaps one fault."""

    phases: tuple[Phase, ...] = ()
    fault: Fault | None = None

    def size(self) -> int:
        """How much is not as listed."""
        return sum(len(it.steps) + bool(it.turn) + bool(it.batch) for it in self.phases) + bool(self.fault)

    def told(self) -> str:
        """Say in words what is not as listed."""
        lines = []
        for number, phase in enumerate(self.phases):
            steps = ", ".join(f"{name}({batch or 'all'})" for name, batch in phase.steps)
            rest = f" then in turn {', '.join(phase.turn)}" if phase.turn else ""
            batch = f" by {phase.batch}" if phase.batch else ""
            if steps or rest or batch:
                lines.append(f"  phase {number}: {steps or 'the rest'}{rest}{batch}")
        if self.fault is not None:
            it = self.fault
            lines.append(f"  phase {it.phase}: the store is away {it.where} unit {it.unit} of {it.stage}")
        return "\n".join(lines) or "  (the listed order)"


def plan_of(chance: Random, names: Sequence[str], phases: int) -> Plan:
    """Draw a run. Some stages are slow in a phase: they come late by far, not only now and then."""
    found = []
    for _ in range(phases):
        weights = [chance.choice((1.0, 1.0, 0.3, 0.03)) for _ in names]
        batches = chance.choice(((0,), (1,), (1, 2, 5, 0)))
        steps = tuple(
            (name, chance.choice(batches)) for name in chance.choices(names, weights, k=chance.choice((0, 12, 40)))
        )
        turn = tuple(chance.sample(names, len(names))) if chance.random() < 0.7 else ()
        found.append(Phase(steps, turn, chance.choice((0, 1, 3))))
    fault = None
    if chance.random() < 0.6:
        fault = Fault(
            chance.randrange(phases), chance.choice(names), chance.choice(FAULTS), chance.choice((0, 0, 0, 1, 2))
        )
    return Plan(tuple(found), fault)


# -- the outside --


class Mails:
    """Takes every mail at once, and answers with what depends on the mail alone."""

    channel = "smtp"

    def __init__(self) -> None:
        self.repeatable = True
        """A mail server of which one must not ask twice stays in doubt after a fault until the worker starts again."""

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        return Delivery(outcome="done", reference=f"250 {key[:60]}")


class Systems(HttpPost):
    """Does what it is told at once; the same order has the same reference."""

    def order(
        self, address: str, key: str, body: bytes, system: str, subjects: Sequence[Subject], *,
        secrets: Sequence[str] = (), contract: Contract = 2, asked: Asked = NOBODY,
    ) -> Delivery:  # fmt: skip
        return done(subjects, f"{system}-{key[:8]}", self.clock.now())


# -- the house --


@lru_cache(maxsize=1)
def _drafter() -> SharedDrafter:
    """One child process that fills templates, for all runs."""
    return SharedDrafter(timeout_s=60.0)


@lru_cache(maxsize=1)
def _rules() -> RuleSet:
    """The product's rules that the stories need: loading and planning all of them is most of the opening."""
    whole = builtin_rules()
    wanted = [rule for rule in whole if rule.name in RULES]
    return RuleSet(wanted, whole.lists)


@lru_cache(maxsize=1)
def _template() -> Path:
    """A fresh data directory with its keys and people, copied for each run."""
    folder = Path(tempfile.mkdtemp(prefix="qorgau-interleaved-"))
    with cheap():
        world = Interleaved(folder / "data", Plan())
        world.people()
        world.container.close()
    return folder / "data"


@contextmanager
def cheap() -> Iterator[None]:
    """Leave out what costs time and decides nothing."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(rulebook, "builtin_rules"):
            patch.setattr(rulebook, "builtin_rules", lambda *_, **__: _rules())
        yield


@contextmanager
def batches(size: int) -> Iterator[None]:
    """Let followers take so many at once; 0 for what they take by themselves."""
    if not size:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "BATCH", size)
        patch.setattr(base, "EVENTS", size)
        yield


class Interleaved(World):
    """A world whose stages step as a plan says."""

    def __init__(
        self, folder: Path, plan: Plan, check: Callable[[Interleaved], None] | None = None, commands: bool = False
    ) -> None:
        self.folder, self.clock, self.count = folder, MovingClock(), 0
        self.settings = Settings(
            data=folder, organisation_bin="000000000000",
            collections_url=SIMULATED, loans_url=SIMULATED, bureau_url=SIMULATED,
            access_url=SIMULATED if commands else None, bureaus=("pkb",), notice_languages=("ru",),
            regulator_mail="a@example.kz, b@example.kz", role_mail={"ciso": "ciso@example.kz"},
        ).for_demonstration()  # fmt: skip
        self.container = open_container(self.settings, self.clock)
        self.container.accounts.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        self.container.wordbook.writer.drafter = _drafter()
        self.mails = Mails()
        outside = Outside(self.mails, Systems(self.clock), plain)
        self.stages = [stage for stage in stages_of(self.container, outside) if stage.name not in LEFT_OUT]
        self.plan = plan
        self.phase = 0
        self.check = check or (lambda world: None)
        self.faulted = False
        self.closing: Callable[[], None] = lambda: None
        """Called at the end of the run, before the house is closed."""
        self._stepping = ""
        self._steps = 0
        self._units: Counter[str] = Counter()
        self._real_unit = self.container.decisions.unit
        self.container.decisions.unit = self._unit  # type: ignore[method-assign]

    @property
    def names(self) -> list[str]:
        return [stage.name for stage in self.stages]

    def work(self) -> None:
        """Interleave until nothing is left, then compare."""
        self._units.clear()
        self._steps = 0
        phase = self.plan.phases[self.phase] if self.phase < len(self.plan.phases) else Phase()
        by_name = {stage.name: stage for stage in self.stages}
        for name, batch in phase.steps:
            self._step(by_name[name], batch)
        order = [by_name[name] for name in phase.turn] or self.stages
        busy = True
        while busy:
            busy = False
            for stage in order:
                while (worked := self._step(stage, phase.batch)) is not False:
                    busy = True
                    if worked is None:  # as the worker does: the others go on, it is tried again later
                        break
        self.phase += 1
        self.check(self)

    def _step(self, stage: Stage, batch: int) -> bool | None:
        """Step once; None when it raised."""
        self._stepping = stage.name
        try:
            with batches(batch):
                return stage.step()
        except StoreUnavailable:
            return None
        except Exception as error:
            words = f"{stage.name} raises {type(error).__name__}: {error}"
            raise _Differs(Difference(self.phase, f"raises {type(error).__name__}", words)) from error
        finally:
            self._stepping = ""
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise _Differs(Difference(self.phase, "never rests", f"{MOST_STEPS} steps and no rest"))

    @contextmanager
    def _unit(self, at: Any) -> Iterator[Any]:
        where = self._fault()
        if where == "before":
            raise StoreUnavailable("away before the unit")
        with self._real_unit(at) as unit:
            if where == "early":
                self._away_after_the_first(unit)
            yield unit
            if where in ("inside", "early"):
                unit.flush()
                raise StoreUnavailable("away before the commit")
        if where == "after":
            raise StoreUnavailable("away after the commit")

    def _away_after_the_first(self, unit: Any) -> None:
        """The first facts are written, then the store is away."""
        record = unit.record

        def recording(*arguments: Any) -> None:
            record(*arguments)
            unit.flush()
            raise StoreUnavailable("away amid the unit")

        unit.record = recording

    def _fault(self) -> str:
        """Say whether the unit that is about to begin is the one that fails, and where."""
        fault = self.plan.fault
        if not self._stepping or fault is None or self.faulted or fault.phase != self.phase:
            return ""
        if fault.stage != self._stepping:
            return ""
        number, self._units[fault.stage] = self._units[fault.stage], self._units[fault.stage] + 1
        self.faulted = number == fault.unit
        return fault.where if self.faulted else ""


# -- what is compared --

Shown = dict[str, dict[str, Any]]
"""Section → key → what stands there; facts of a stream in no order."""


def shown(world: World) -> Shown:
    """What a run has come to so far, apart from versions of drafts that nobody was shown."""
    log = read(world)
    places = {row.position: f"{row.topic} of {row.stream}" for row in log.rows}
    referred = Referred(log.events, places)
    facts: dict[str, list[str]] = {}
    notices = []
    for row in log.rows:
        said = referred.within(row)
        if row.topic == "notice.drafted.v1":
            notices.append(row.stream)
            said = {name: value for name, value in said.items() if name not in ("content", "template_version")}
        if row.topic != "notice.redrafted.v1":
            facts.setdefault(row.stream, []).append(
                f"{row.topic} {json.dumps(said, sort_keys=True, ensure_ascii=False)}"
            )
    texts = {}
    for key in notices:
        notice = world.container.decisions.load(Notice, key)
        texts[f"{notice.kind} {notice.stage} {notice.subject} {key}"] = notice.content
    return {
        "facts": {key: sorted(said) for key, said in facts.items()},
        "clocks": {row.id: stored(row) for row in world.held(ClockRow)},
        "texts": texts,
        "orders": {row.id: stored(row) for row in world.held(OrderRow)},
        "outbox": {
            referred.value(row.key): {"kind": row.kind, "payload": json.loads(row.payload), "state": row.state}
            for row in world.held(EffectRow)
        },
    }


@dataclass(frozen=True)
class Difference:
    """The first difference: in which phase, of what kind (the same kind, the same cause), and in words."""

    phase: int
    kind: str
    words: str


def compare(phase: int, plain_run: Shown, other: Shown) -> Difference | None:
    """Return the first difference, facts last: a text or a clock says more of what is wrong."""
    for section in ("clocks", "texts", "orders", "outbox", "facts"):
        one, two = plain_run[section], other[section]
        for key in [*one, *(key for key in two if key not in one)]:
            if one.get(key) != two.get(key):
                kind, words = (_facts if section == "facts" else _rows)(one.get(key), two.get(key))
                of = key.partition(" ")[0] if section == "texts" else key.partition(":")[0] if ":" in key else ""
                return Difference(phase, " ".join(filter(None, [section, of, kind])), f"{section} {key}\n{words}")
    return None


def _rows(one: Any, two: Any) -> tuple[str, str]:
    if one is None or two is None:
        lacking = "missing" if two is None else "more"
        held = two or one
        return f"{lacking} {held.get('kind', '') if isinstance(held, dict) else ''}", f"  {lacking}: {held}"
    flat_one, flat_two = _flat(one), _flat(two)
    names = [name for name in {**flat_one, **flat_two} if flat_one.get(name) != flat_two.get(name)]
    words = "\n".join(f"  {name}\n    plain: {flat_one.get(name)}\n    this:  {flat_two.get(name)}" for name in names)
    return f"{one.get('kind', '')} {','.join(names)}".strip(), words


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in value.items():
        found |= _flat(part, f"{before}{name}.") if isinstance(part, dict) else {f"{before}{name}": part}
    return found


def _facts(one: Sequence[str] | None, two: Sequence[str] | None) -> tuple[str, str]:
    missing = list((Counter(one or ()) - Counter(two or ())).elements())
    more = list((Counter(two or ()) - Counter(one or ())).elements())
    topics = sorted({text.partition(" ")[0] for text in (*missing, *more)})
    fields = set()
    for text, other in zip(missing, more, strict=False):
        a, b = (json.loads(it.partition(" ")[2]) for it in (text, other))
        fields |= {name for name in {**a, **b} if a.get(name) != b.get(name)}
    words = "\n".join([*(f"  missing: {text}" for text in missing[:6]), *(f"  more:    {text}" for text in more[:6])])
    return f"{','.join(topics)} {','.join(sorted(fields))} -{len(missing)} +{len(more)}", words


class _Differs(Exception):
    def __init__(self, found: Difference) -> None:
        self.found = found


# -- running --

Prepare = Callable[[Interleaved], None]


@dataclass
class Told:
    """A story with its plain run, and what other runs of it came to."""

    name: str
    story: Story
    prepare: Prepare = lambda world: None
    """Changes the house before a run: the place for a planted fault."""
    runs: int = 0
    plain: list[Shown] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def listed(self) -> None:
        """Run in listed order; everything else is compared with that."""

        def keep(world: Interleaved) -> None:
            self.plain.append(shown(world))
            self.names = world.names

        self._run(Plan(), keep)

    def run(self, plan: Plan) -> Difference | None:
        """Run as planned; return the first difference."""

        def check(world: Interleaved) -> None:
            found = compare(world.phase - 1, self.plain[world.phase - 1], shown(world))
            if found is not None:
                raise _Differs(found)

        try:
            self._run(plan, check)
        except _Differs as differs:
            return differs.found
        return None

    def _run(self, plan: Plan, check: Callable[[Interleaved], None]) -> None:
        self.runs += 1
        with tempfile.TemporaryDirectory(prefix="qorgau-run-") as folder, cheap():
            shutil.copytree(_template(), Path(folder) / "data")
            world = Interleaved(Path(folder) / "data", plan, check, commands="commands" in self.name)
            try:
                self.prepare(world)
                self.story(world)
            finally:
                world.closing()
                world.container.close()

    def planned(self, seed: int) -> Plan:
        """Return the plan of a seed."""
        return plan_of(Random(f"{self.name} {seed}"), self.names, len(self.plain))

    def shrunk(self, plan: Plan, found: Difference, runs: int = SHRINKING) -> tuple[Plan, Difference]:
        """Leave out what the difference does not need, as long as it stays of its kind."""
        left = runs

        def still(candidate: Plan) -> Difference | None:
            nonlocal left
            if left <= 0 or candidate.size() >= plan.size():
                return None
            left -= 1
            it = self.run(candidate)
            return it if it is not None and it.kind == found.kind else None

        smaller = True
        while smaller and left > 0:
            smaller = False
            for candidate in _smaller(plan):
                it = still(candidate)
                if it is not None:
                    plan, found, smaller = candidate, it, True
                    break
        return plan, found


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with something left out, the boldest first."""
    if plan.fault is not None:
        yield replace(plan, fault=None)
        yield replace(plan, phases=())
    for number, phase in enumerate(plan.phases):
        if phase != Phase():
            yield _with(plan, number, Phase())
    for number, phase in enumerate(plan.phases):
        if phase.turn:
            yield _with(plan, number, replace(phase, turn=()))
        if phase.batch:
            yield _with(plan, number, replace(phase, batch=0))
        size = len(phase.steps) // 2
        while size:
            for start in range(0, len(phase.steps), size):
                yield _with(plan, number, replace(phase, steps=phase.steps[:start] + phase.steps[start + size :]))
            size //= 2
        if len(phase.steps) == 1:
            yield _with(plan, number, replace(phase, steps=()))


def _with(plan: Plan, number: int, phase: Phase) -> Plan:
    return replace(plan, phases=(*plan.phases[:number], phase, *plan.phases[number + 1 :]))


def report(told: Told, seed: int, plan: Plan, found: Difference) -> str:
    """What a person needs to see the cause."""
    return (
        f"story '{told.name}', seed {seed}: not what the listed order comes to\n"
        f"first difference, after phase {found.phase} [{found.kind}]: {found.words[:3000]}\n"
        f"with\n{plan.told()}\n"
        f"again: python -m tests.simulation.interleaved {told.name} {seed}"
    )


def main() -> None:
    """``python -m tests.simulation.interleaved STORY FIRST [LAST]``: run seeds of a story, tell each kind once."""
    from tests.simulation.interleaving_stories import STORIES

    name, first = sys.argv[1], int(sys.argv[2])
    last = int(sys.argv[3]) if len(sys.argv) > 3 else first
    for story in STORIES if name == "all" else [name]:
        told, kinds = Told(story, STORIES[story]), set()
        told.listed()
        for seed in range(first, last + 1):
            plan = told.planned(seed)
            found = told.run(plan)
            if found is not None and found.kind not in kinds:
                kinds.add(found.kind)
                print(report(told, seed, *told.shrunk(plan, found)), end="\n\n", flush=True)
        print(f"{story}: {told.runs} runs of {len(told.plain)} phases", flush=True)
    super(SharedDrafter, _drafter()).close()


if __name__ == "__main__":
    main()
