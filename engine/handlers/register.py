"""The register of handlers: one for each kind of command.

``in_unit`` hands the handler an open unit of work; ``handles`` leaves it to the handler to open one, for what must be
done before the log is locked, such as keeping a document or trying a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from engine.handlers.desk import Desk, Work
from engine.kernel.commands import Command, Outcome
from engine.kernel.facts import Person

C = TypeVar("C", bound=Command[Any])
R = TypeVar("R", bound=Outcome)
D = TypeVar("D", bound=Desk)
W = TypeVar("W", bound=Work)
Handler = Callable[[Any, Any, Person], Outcome]
HANDLERS: dict[type[Command[Any]], Handler] = {}
"""Kind of command → its handler; filled by the modules that ``infra.commands.dispatch`` imports."""


def handles(kind: type[C]) -> Callable[[Callable[[D, C, Person], R]], Callable[[D, C, Person], R]]:
    """Register the handler of a kind of command."""

    def register(handler: Callable[[D, C, Person], R]) -> Callable[[D, C, Person], R]:
        assert kind not in HANDLERS, kind
        HANDLERS[kind] = handler
        return handler

    return register


def in_unit(kind: type[C]) -> Callable[[Callable[[W, C], R]], Callable[[W, C], R]]:
    """Register a handler that is all in one unit of work."""

    def register(handler: Callable[[W, C], R]) -> Callable[[W, C], R]:
        @handles(kind)
        def within(desk: Desk, command: C, by: Person) -> R:
            with desk.work(by) as work:
                return handler(work, command)  # type: ignore[arg-type] # the desk of a handler opens its kind of work

        return handler

    return register
