"""Changes of the lists that rules name. What weakens detection - something allowed, something no longer refused - is
proposed by one person and takes effect when another approves; what strengthens it takes effect at once.

The entries themselves are not in the facts: they may say who somebody is. A fact has their number and a keyed digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, assert_never, cast, get_args

from pydantic import AwareDatetime

from engine.kernel.errors import Conflict, DecisionRefused, InputError, n_
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require
from engine.permissions.eyes import require_two

ListKind = Literal["deny", "watch", "allow", "internal"]


class ListChangeProposed(Fact):
    """A new version of a list waits for a second person."""

    topic: ClassVar[str] = "list.change-proposed.v1"
    name: str
    version: int
    added: int
    removed: int
    count: int
    digest: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class ListChanged(Fact):
    """A version of a list is in force."""

    topic: ClassVar[str] = "list.changed.v1"
    name: str
    version: int
    added: int
    removed: int
    count: int
    digest: str
    proposed_by: str = ""


class ListChangeRefused(Fact):
    """The second person did not agree; the version will never be in force."""

    topic: ClassVar[str] = "list.change-refused.v1"
    name: str
    version: int


ListFact = ListChangeProposed | ListChanged | ListChangeRefused
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[ListFact], ...] = get_args(ListFact)


def list_id(name: str) -> str:
    """Return the id under which the life of a list stands."""
    return str(derive("list", name))


@dataclass
class ListLife:
    """Where a list stands: the version in force, and the one that waits."""

    id: str = ""
    version: int = 0
    name: str = ""
    in_force: int = 0
    count: int = 0
    last: int = 0
    waiting: ListChangeProposed | None = None

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(ListFact, fact))

    def _take(self, fact: ListFact) -> None:
        match fact:
            case ListChangeProposed():
                self.id, self.name, self.last, self.waiting = list_id(fact.name), fact.name, fact.version, fact
            case ListChanged():
                self.id, self.name, self.waiting = list_id(fact.name), fact.name, None
                self.in_force, self.count, self.last = fact.version, fact.count, max(self.last, fact.version)
            case ListChangeRefused():
                self.waiting = None
            case _:
                foreign(fact)


def weakens(kind: ListKind, added: int, removed: int) -> bool:
    """Say whether a change lets something through that was caught before."""
    match kind:
        case "allow":
            return added > 0
        case "deny" | "watch":
            return removed > 0
        case "internal":
            return True
    assert_never(kind)


def change(
    it: ListLife,
    name: str,
    kind: ListKind,
    counts: tuple[int, int, int],
    digest: str,
    *,
    by: Person,
    reason: str,
    at: AwareDatetime,
) -> list[Fact]:
    """Make the next version; ``counts``: added, removed, in all. Raise NotAllowed, InputError, DecisionRefused."""
    _check("change-list", by, reason)
    added, removed, count = counts
    if added == removed == 0:
        raise InputError("nothing would change", field="entries")
    if it.waiting is not None:
        raise DecisionRefused("version {version} of the list waits for a second person", version=it.waiting.version)
    made = ListChanged(
        at=at, actor=by.id, reason=reason, name=name, version=it.last + 1, added=added, removed=removed, count=count,
        digest=digest,
    )  # fmt: skip
    if not weakens(kind, added, removed):
        return [made]
    return [ListChangeProposed(**made.model_dump(exclude={"proposed_by"}), roles=by.held_roles)]


def decide(
    it: ListLife, *, agreed: bool, by: Person, reason: str, at: AwareDatetime, seen: int | None = None
) -> list[Fact]:
    """Agree to the version that waits, as a second person, or refuse it. Raise NotAllowed, SecondPersonNeeded, and
    Conflict when another version waits than the person has ``seen``."""
    _check("decide-list", by, reason)
    waiting = it.waiting
    if waiting is None:
        raise DecisionRefused("no change of this list waits")
    if seen is not None and seen != waiting.version:
        raise Conflict("another change of this list waits meanwhile; look at it again and decide anew")
    if not agreed:
        return [ListChangeRefused(at=at, actor=by.id, reason=reason, name=it.name, version=waiting.version)]
    refusal = n_("who proposed a change that weakens detection cannot approve it")
    require_two("change-list", waiting.actor, waiting.roles, by, refusal)
    return [
        ListChanged(
            at=at, actor=by.id, reason=reason, name=it.name, version=waiting.version, added=waiting.added,
            removed=waiting.removed, count=waiting.count, digest=waiting.digest, proposed_by=waiting.actor,
        )
    ]  # fmt: skip


def _check(command: str, by: Person, reason: str) -> None:
    require(command, by)
    if not reason.strip():
        raise InputError("give a reason", field="reason")
