"""Lists of values (allow, deny, the Anti-Fraud Centre's, internal) that rules name with ``%name%`` under ``expand``.

A rule is compiled against a view of the list, not against its entries: a new version of a list takes effect with the
next event, without a reload of any rule, and the windows of all rules live on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from engine.kernel.yaml_text import read_yaml
from engine.rule_life.lists import ListKind
from rules.language.matchers import norm


class ListDefinition(BaseModel):
    """A list the product or an organisation knows: what it is for and what it begins with."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    kind: ListKind
    description: str = ""
    personal: bool = False
    entries: tuple[str, ...] = ()


class ListView:
    """The entries of one list as rules see them: normalised text, compared whole. Replaced at once, never changed."""

    __slots__ = ("entries", "name", "version")

    def __init__(self, name: str, entries: Iterable[object] = (), version: int = 0) -> None:
        self.name = name
        self.version = version
        self.entries = _normal(entries)

    def __contains__(self, value: object) -> bool:
        return value in self.entries

    def replace(self, entries: Iterable[object], version: int) -> None:
        """Take a new version."""
        self.entries, self.version = _normal(entries), version


def _normal(entries: Iterable[object]) -> frozenset[str]:
    return frozenset(text for text in map(norm, entries) if isinstance(text, str) and text)


@dataclass(frozen=True)
class ListReference:
    """Stands in a condition for ``%name%``."""

    view: ListView


@dataclass
class Lists:
    """All lists by name. A list that is declared but has no entries yet matches nothing."""

    views: dict[str, ListView] = field(default_factory=dict)

    def declare(self, *names: str) -> Lists:
        """Make lists of these names, empty where they are new."""
        for name in names:
            self.views.setdefault(name, ListView(name))
        return self

    def replace(self, name: str, entries: Iterable[object], version: int = 1) -> None:
        """Give a list a new version."""
        self.views.setdefault(name, ListView(name)).replace(entries, version)

    def __iter__(self) -> Iterator[ListView]:
        return iter(self.views.values())

    def __len__(self) -> int:
        return len(self.views)


def load_lists(text: str) -> tuple[ListDefinition, ...]:
    """Read the definitions of a pack."""
    return tuple(ListDefinition.model_validate(entry) for entry in (read_yaml(text) or {}).get("lists", ()))


def lists_of(definitions: Iterable[ListDefinition]) -> Lists:
    """Make the lists, each with what it begins with."""
    lists = Lists()
    for definition in definitions:
        lists.replace(definition.name, definition.entries, 0)
    return lists
