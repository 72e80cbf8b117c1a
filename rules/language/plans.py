"""One function per event type: its contexts, and all rules that demand ``event.action`` to have that value.

What the action decides is settled when the function is written, every field is read and normalised once for all rules,
and rules that cannot match the type cost nothing. The text is ours; whatever comes from a rule or a context is bound
by name and never written into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rules.detection.context import COUNT, ELAPSED, PRESENT, TIME, ContextMemory, ContextState
from rules.detection.correlate import Completed
from rules.detection.feed import Feed
from rules.detection.measures import Measure
from rules.language.compiler import ACTION, Writer, run_source, write_trees
from rules.language.flatten import normalise
from rules.language.model import Rule

Event = Mapping[str, Any]


@dataclass(slots=True)
class Slot:
    """A detection rule where it is used: whether it raises findings itself, what it feeds, and whether what contexts
    know of an event must be put on it before (``known``)."""

    rule: Rule
    raises: bool
    feeds: list[Feed] = field(default_factory=list)
    known: bool = True

    @property
    def silent(self) -> bool:
        """Whether it only feeds correlations, with nothing but the event's own fields."""
        return not self.raises and not self.known


class Outcome(NamedTuple):
    """What a plan found: rules that match, feeds that completed something, and what contexts know of the event."""

    matched: Sequence[Slot]
    completed: Sequence[tuple[Feed, Sequence[Completed]]]
    known: Event


Plan = Callable[[Event, float, int], Outcome | None]
"""(event, its time in s, its position) → what was found, if anything"""
Slow = Callable[[Sequence[Slot], Event, Event, float, int], Outcome]
"""The same for rules tried one by one, where the written function raised; with what contexts know of the event."""


class Plans(dict[Any, "Plan | None"]):
    """The plans by action. Actions are compared without regard to case, and those of no plan are remembered too."""

    MOST = 10_000

    def __missing__(self, action: object) -> Plan | None:
        if not isinstance(action, str):
            return None
        plan = self.get(action.lower())
        if len(self) < self.MOST:
            self[action] = plan
        return plan


class _PlanWriter(Writer):
    """Reads a field straight from the event, or from what a context remembers."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.known = {ACTION: action}
        self.attached: dict[str, str] = {}
        """Field that a context attaches → the variable that holds it."""
        self.flags: set[str] = set()
        self.keys: dict[str, str] = {}
        self.raws: dict[str, str] = {}
        self.whole = False

    def raw(self, field: str) -> str:
        return self.attached.get(field) or self.raws.setdefault(field, f"r{len(self.raws)}")

    def read(self, field: str) -> str:
        self.raw(field)
        return super().read(field)

    def present(self, field: str) -> str:
        return f"{self.attached[field]} is not None" if field in self.attached else f"{field!r} in E"

    def is_flag(self, field: str) -> bool:
        return field in self.flags

    def all_normalised(self) -> str:
        self.whole = True
        return "L.values()"

    def key(self, field: str | tuple[str, ...]) -> str:
        """Return the variable that holds the key of a context: a field, what was known before, or several of them."""
        if isinstance(field, tuple):
            return f"({', '.join(self.key(name) for name in field)},)"
        if field in self.attached:
            return self.attached[field]
        return self.keys.setdefault(field, f"q{len(self.keys)}")

    def head(self) -> str:
        lines = [f"        {var} = E.get({field!r})\n" for field, var in self.raws.items()]
        for name, var in self.fields.items():
            raw = self.raw(name)
            lines.append(
                f"        {var} = {raw}.lower() if {raw}.__class__ is str else None if {raw} is None else norm({raw})\n"
            )
        if self.whole:
            lines.append(f"        L = {self.bind(normalise)}(E)\n")
        return "".join(lines)


def write_plan(action: str, slots: Sequence[Slot], memory: ContextMemory, slow: Slow) -> Plan:
    """Write the function of one action."""
    writer = _PlanWriter(action)
    measured = "".join(_measure(it, writer) for it in memory.measured(action))
    reads = "".join(_read(state, writer) for state in memory.readers(action))
    writes = "".join(_forget(state, writer) for state in memory.forgetters(action))
    writes += "".join(_remember(state, writer) for state in memory.writers(action))
    written = [_test(slot, writer) for slot in slots]
    tests, feeds = "".join(test for test, _ in written), "".join(feed for _, feed in written)
    keys = "".join(f"    {var} = E.get({name!r})\n" for name, var in writer.keys.items())
    shown = ", ".join(f"{name!r}: {var}" for name, var in writer.attached.items())
    context = f"{{{shown}}}" if shown else writer.bind({})
    body = keys + measured + reads + writes
    if tests or feeds:
        outcome = writer.bind(Outcome)
        body += "    out = done = ()\n"
        if tests:
            body += "    try:\n" + writer.head() + tests + "    except Exception:\n"
            body += f"        return {writer.bind(slow)}({writer.bind(tuple(slots))}, E, {context}, t, p)\n"
        body += feeds + f"    if out or done: return {outcome}(out, done, {context})\n"
    source = f"def plan(E, t, p):\n{body}    return None\n"
    plan: Plan = run_source(source, f"<plan {action}>", writer.names)["plan"]
    return plan


def _test(slot: Slot, writer: _PlanWriter) -> tuple[str, str]:
    """Write the test of one rule, and what it feeds. Nothing is fed before all tests are through: where one raises,
    all rules are tried again, and a correlation would count the event twice."""
    assert slot.rule.compiled is not None
    condition = write_trees(slot.rule.compiled.trees, writer)
    if condition == "False":
        return "", ""
    if not slot.silent:
        then = f"out += {writer.bind((slot,))}\n"
        return (f"        {then}" if condition == "True" else f"        if {condition}: {then}"), ""
    feeds = ""
    for feed in slot.feeds:
        name = writer.bind(feed)
        feeds += f"        x = {name}(E, t, p)\n        if x is not None: done += (({name}, x),)\n"
    if condition == "True":
        return "", f"    if True:\n{feeds}"
    flag = f"m{len(writer.names)}"
    return f"        {flag} = {condition}\n", f"    if {flag}:\n{feeds}"


def _measure(measure: Measure, writer: _PlanWriter) -> str:
    """Fill the variable of what is measured."""
    variable = writer.attached[measure.name] = f"c{len(writer.attached)}"
    return f"    {variable} = {writer.bind(measure.value)}(E, t)\n"


def _read(state: ContextState, writer: _PlanWriter) -> str:
    """Look the entry up and fill the attached variables."""
    context = state.context
    key, held = writer.key(context.attach_key or context.key), writer.bind(state)
    young, old = writer.bind(state.young), writer.bind(state.old)
    entry, life = f"e{len(writer.names)}", writer.bind(context.ttl_s)
    at = entry if state.plain else f"{entry}[0]"
    text = (
        f"    {entry} = None\n"
        f"    if {key}:\n"
        f"        if {key}.__class__ is str:\n"
        f"            {entry} = {young}.get({key})\n"
        f"            if {entry} is None: {entry} = {old}.get({key})\n"
        f"        else: {entry} = {held}.find({key})\n"
        f"        if {entry} is not None and not 0.0 <= t - {at} <= {life}: {entry} = None\n"
    )
    for name, what in context.attach.items():
        variable = f"c{len(writer.attached)}"
        if what == PRESENT:
            value = f"{entry} is not None"
            writer.flags.add(name)
        else:
            place = context.place(what.removeprefix(ELAPSED).strip())
            remembered = entry if state.plain else f"{entry}[{place}]"
            found = f"t - {remembered}" if what.startswith(ELAPSED) else remembered
            value = f"None if {entry} is None else {found}"
        text += f"    {variable} = {value}\n"
        writer.attached[name] = variable
    return text


def _forget(state: ContextState, writer: _PlanWriter) -> str:
    context = state.context
    key = writer.key(context.forget_key or context.key)
    return f"    if {key}: {writer.bind(state)}.forget({key})\n"


def _remember(state: ContextState, writer: _PlanWriter) -> str:
    context = state.context
    key = writer.key(context.key)
    held = writer.bind(state)
    conditions = f" and {writer.bind(context.meets)}(E)" if context.where else ""
    values = "".join(_value(name, key, held, writer) for name in context.values.values())
    young, old, entry = writer.bind(state.young), f"z{len(writer.names)}", "t" if state.plain else f"(t, {values})"
    at = old if state.plain else f"{old}[0]"
    return (
        f"    if {key}{conditions}:\n"
        f"        if {key}.__class__ is str and t < {held}.turn_at and len({young}) < {held}.most:\n"
        f"            {old} = {young}.get({key})\n"
        f"            if {old} is None or {at} <= t: {young}[{key}] = {entry}\n"
        f"        else: {held}.remember({key}, {entry})\n"
    )


def _value(name: str, key: str, held: str, writer: _PlanWriter) -> str:
    """Return what is remembered of an event, as a piece of an entry."""
    if name == TIME:
        return "t, "
    if name == COUNT:
        return f"{held}.next({key}, t), "
    return f"{writer.attached[name]}, " if name in writer.attached else f"E.get({name!r}), "
