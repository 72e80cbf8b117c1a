"""Which parts of the product serve which obligations, beside the rules and clocks that name theirs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from engine.duties.declared import jurisdiction
from engine.governance.governance import duty_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import DataError
from engine.kernel.yaml_text import read_yaml


class Thing(BaseModel):
    """One part of the product."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    where: str
    facts: tuple[str, ...] = ()
    report: bool = False


@dataclass(frozen=True)
class Served:
    """What serves the obligations: names by obligation."""

    things: dict[str, Thing]
    by_things: dict[str, tuple[str, ...]]
    by_clocks: dict[str, tuple[str, ...]]
    by_duties: dict[str, tuple[str, ...]]
    unserved: dict[str, str]
    """Why software serves an obligation nowhere here."""


@lru_cache(maxsize=1)
def served() -> Served:
    """Read the map. Raise DataError for an obligation or a part that does not exist."""
    text = (resources.files("engine") / "data" / "served.yml").read_text(encoding="utf8")
    document = read_yaml(text)
    things = {name: Thing.model_validate(entry) for name, entry in document["things"].items()}
    register = builtin_register()
    by_things = {key: tuple(names) for key, names in document["served"].items()}
    for key, names in by_things.items():
        if key not in register or any(name not in things for name in names):
            raise DataError(f"'{key}' or what serves it does not exist", file="served.yml")
    return Served(
        things,
        by_things,
        _turned({it.id: it.obligations for it in jurisdiction().newest().values() if it.counted_only is None}),
        _turned({spec.key: spec.obligations for spec in duty_specs().values()}),
        _reasons(document.get("unserved", {})),
    )


def _reasons(found: dict[str, str]) -> dict[str, str]:
    for key in found:
        if key not in builtin_register():
            raise DataError(f"'{key}' is not in the register", file="served.yml")
    return dict(found)


def _turned(table: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, obligations in table.items():
        for obligation in obligations:
            found.setdefault(obligation, []).append(name)
    return {key: tuple(names) for key, names in found.items()}
