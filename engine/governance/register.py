"""The register of obligations: every clause that software can detect, clock, enforce, prove or report."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.kernel.errors import NotFound
from engine.kernel.yaml_text import read_yaml


class Deadline(BaseModel):
    """The term of an obligation as the register has it; ``n`` is None where a contract or a request sets it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    n: int | None
    unit: str
    start: str = Field(alias="from")
    policy: str = ""
    parameter: str = ""
    """The name of the product's own number, where the text has none."""
    conf: str = ""
    direction: str = "by"
    note: str = ""


class Obligation(BaseModel):
    """One clause: its source document and number, its kinds, the events that trigger and prove it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    src: str
    clause: str
    org: str
    kind: tuple[str, ...]
    text: str
    ru: str = ""
    kk: str = ""
    group: str | None = None
    conf: str = ""
    triggers: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()
    deadline: Deadline | None = None
    params: dict[str, Any] = {}


class Register:
    """All obligations by id, and the documents they come from."""

    def __init__(self, obligations: dict[str, Obligation], sources: dict[str, dict[str, Any]]) -> None:
        self.obligations = obligations
        self.sources = sources

    def __getitem__(self, obligation_id: str) -> Obligation:
        if obligation_id not in self.obligations:
            raise NotFound("obligation '{obligation_id}' is not in the register", obligation_id=obligation_id)
        return self.obligations[obligation_id]

    def __contains__(self, obligation_id: object) -> bool:
        return obligation_id in self.obligations

    def citation(self, obligation_id: str) -> str:
        """Cite the clause an obligation comes from: organisation and clause number."""
        entry = self[obligation_id]
        return f"{entry.org} {entry.clause}"

    def using_event(self, action: str) -> tuple[str, ...]:
        """Return the obligations that name an event type as trigger or proof."""
        return tuple(o.id for o in self.obligations.values() if action in o.triggers or action in o.proof)


@lru_cache(maxsize=1)
def builtin_register() -> Register:
    """Read the register that ships with the product."""
    text = (resources.files("engine") / "data" / "kz" / "obligations.yml").read_text(encoding="utf8")
    document = read_yaml(text)
    entries = (Obligation.model_validate(entry) for entry in document["obligations"])
    return Register({entry.id: entry for entry in entries}, document["sources"])
