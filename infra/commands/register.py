"""The register of handlers: one for each kind of command.

``in_unit`` hands the handler an open unit of work; ``handles`` leaves it to the handler to open one, for what must be
done before the log is locked, such as keeping a document or trying a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from engine.kernel.commands import Command, Outcome
from engine.kernel.facts import Person
from infra.commands.desk import Desk, Work

C = TypeVar("C", bound=Command[Any])
R = TypeVar("R", bound=Outcome)
Handler = Callable[[Desk, Any, Person], Outcome]
HANDLERS: dict[type[Command[Any]], Handler] = {}
"""Kind of command → its handler; filled by the modules that ``infra.commands.dispatch`` imports."""


def handles(kind: type[C]) -> Callable[[Callable[[Desk, C, Person], R]], Callable[[Desk, C, Person], R]]:
    """Register the handler of a kind of command."""

    def register(handler: Callable[[Desk, C, Person], R]) -> Callable[[Desk, C, Person], R]:
        assert kind not in HANDLERS, kind
        HANDLERS[kind] = handler
        return handler

    return register


def in_unit(kind: type[C]) -> Callable[[Callable[[Work, C], R]], Callable[[Work, C], R]]:
    """Register a handler that is all in one unit of work."""

    def register(handler: Callable[[Work, C], R]) -> Callable[[Work, C], R]:
        @handles(kind)
        def within(desk: Desk, command: C, by: Person) -> R:
            with desk.work(by) as work:
                return handler(work, command)

        return handler

    return register
