"""Where every command of a person passes: the table of permissions first, then the handler.

Console, API, command line and acts on many only build commands and call ``dispatch``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.handlers import approving, clocks, containment, governance, incidents, notices, protection, retention
from engine.handlers.register import HANDLERS
from engine.kernel.commands import Command, O, name_of
from engine.kernel.errors import DecisionRefused, NotFound
from engine.kernel.facts import Person
from engine.permissions import require, require_proof
from infra.commands.desk import Desk
from infra.commands.handlers import accounts, lists, playbooks, rules, timekeeping, wording
from infra.commands.people.sight import refuse_unseen
from infra.read.people.looking import nobody

SUBJECTS = (
    incidents, playbooks, clocks, notices, approving, protection, containment, governance, retention, rules, lists,
    timekeeping, wording, accounts,
)  # fmt: skip
"""The modules whose handlers there are."""
KINDS: dict[str, type[Command[Any]]] = {name_of(kind): kind for kind in HANDLERS}
"""Name → kind of command, for what comes in from outside."""


class Dispatcher:
    """Passes commands to their handlers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.held: Callable[[], bool] = lambda: False
        """Says whether nobody may do anything now."""

    def dispatch(self, command: Command[O], by: Person) -> O:
        """Do what the command asks; return what came of it.

        Raise NotAllowed before anything is loaded or done for a person without the role, SecondFactorNeeded for one
        who is to show a second factor first; then whatever the domain refuses.
        """
        kind = type(command)
        require(name_of(kind), by)
        require_proof(name_of(kind), by)
        if self.held():
            raise DecisionRefused(
                "this store is an older copy, or its end was cut off: nothing can be done before two persons accept "
                "that with 'qorgau ledger restore --accept-gap'"
            )
        refuse_unseen(self.desk.decisions.database, command, by)
        with nobody():
            outcome: O = HANDLERS[kind](self.desk, command, by)  # type: ignore[assignment]
        return outcome


def kind_of(name: str) -> type[Command[Any]]:
    """Return the kind of command of a name. Raise NotFound."""
    if name not in KINDS:
        raise NotFound("there is no command '{name}'", name=name[:40])
    return KINDS[name]
