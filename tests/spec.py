"""Given facts, when somebody decides, then these facts, or a refusal.

Whatever is decided must keep five promises, tried each time: the decider changes no state; every fact carries who
acted and the instant given; every fact can be stored as JSON and read again; the state takes it; and reading the facts
again gives the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from engine.kernel.errors import QorgauError
from engine.kernel.facts import ENGINE, Fact


class Folded(Protocol):
    """What is folded from facts."""

    version: int

    def apply(self, fact: Fact) -> None: ...


S = TypeVar("S", bound=Folded)
P = ParamSpec("P")


def fold(kind: Callable[[], S], *facts: Fact) -> S:
    """Return the state after some facts."""
    state = kind()
    for fact in facts:
        state.apply(fact)
    return state


class Like:
    """A fact of one kind in which these fields matter."""

    def __init__(self, kind: type[Fact], /, **fields: Any) -> None:
        self.kind, self.fields = kind, fields

    def seen_in(self, fact: Fact) -> Any:
        """Return what can be compared with ``self.fields``."""
        return {name: getattr(fact, name) for name in self.fields}


class Outcome(Generic[S]):
    """What came of a decision."""

    def __init__(
        self, kind: Callable[[], S], past: Sequence[Fact], call: Callable[[S], Sequence[Fact]], said: dict[str, Any]
    ) -> None:
        self.kind, self.past, self.said = kind, past, said
        self.facts: Sequence[Fact] = []
        self.error: QorgauError | None = None
        state = fold(kind, *past)
        before = deepcopy(state)
        try:
            self.facts = call(state)
        except QorgauError as error:
            self.error = error
        assert state == before, "a decider decides and changes nothing"

    def then(self, *expected: Like | Fact) -> S:
        """Check the facts; return the state after them."""
        if self.error is not None:
            raise self.error
        assert [type(fact) for fact in self.facts] == [it.kind if isinstance(it, Like) else type(it) for it in expected]
        for fact, wanted in zip(self.facts, expected, strict=True):
            if isinstance(wanted, Like):
                assert wanted.seen_in(fact) == wanted.fields
            else:
                assert fact == wanted
            assert type(fact).model_validate_json(fact.model_dump_json()) == fact
            assert fact.at == self.said.get("at", fact.at)
            assert fact.actor in self.may_have_acted(fact)
        state = fold(self.kind, *self.past, *self.facts)
        assert state.version == len(self.past) + len(self.facts)
        assert state == fold(self.kind, *self.past, *self.facts)
        return state

    def nothing(self) -> None:
        """Check that nothing was decided, and nobody refused."""
        self.then()

    def may_have_acted(self, fact: Fact) -> tuple[str, ...]:
        """Return who may stand in a fact: the person who decides, or a named actor beside the engine."""
        return (self.said["by"].id,) if "by" in self.said else (self.said.get("actor", fact.actor), ENGINE)

    def refused(self, why: str, kind: type[QorgauError] | None = None) -> None:
        """Check the refusal by its code, or by a part of its message."""
        assert self.error is not None, f"not refused: {self.facts}"
        assert why == self.error.code or why in self.error.message
        assert kind is None or type(self.error) is kind


class Given(Generic[S]):
    """A state by its facts."""

    def __init__(self, kind: Callable[[], S], past: Sequence[Fact]) -> None:
        self.kind, self.past = kind, past

    def when(
        self, decider: Callable[Concatenate[S, P], Sequence[Fact]], *args: P.args, **kwargs: P.kwargs
    ) -> Outcome[S]:
        """Decide on the state."""
        return Outcome(self.kind, self.past, lambda state: decider(state, *args, **kwargs), kwargs)

    def when_asked(self, decider: Callable[P, Sequence[Fact]], *args: P.args, **kwargs: P.kwargs) -> Outcome[S]:
        """Decide without looking at the state."""
        return Outcome(self.kind, self.past, lambda _: decider(*args, **kwargs), kwargs)


def given(kind: Callable[[], S], *past: Fact) -> Given[S]:
    """Begin with what has happened."""
    return Given(kind, past)
