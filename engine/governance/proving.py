"""What events of other systems prove: which obligation, and what they must say for it (``proofs.yml``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from pydantic import model_validator

from engine.governance.register import builtin_register
from engine.governance.signs import Sign
from engine.kernel.errors import DataError
from engine.kernel.yaml_text import read_yaml


class ProofSign(Sign):
    """What an event must say to be evidence: that it was done, unless its type states that or the file says why."""

    outcome: Literal["done", "failed", "not_failed", "any"] = "done"
    why: str = ""
    """Why the outcome is of no matter; nothing else may be ``any``."""

    @model_validator(mode="after")
    def _says_how_it_ended(self) -> ProofSign:
        if self.outcome == "failed" or (self.outcome == "any") != bool(self.why):
            raise ValueError(f"'{self.event}' is evidence by what was done, or says why its outcome does not matter")
        return self


@dataclass(frozen=True, slots=True)
class Proofs:
    """The signs by event type, and why a type alone is no evidence."""

    signs: Mapping[str, tuple[tuple[str, ProofSign], ...]]
    """Event type → (obligation, what the event must say)."""
    never: Mapping[str, str]

    def of(self, fields: Mapping[str, Any], faulted: Iterable[str] = ()) -> list[str]:
        """Return the obligations an event is evidence for; never one of which a rule found fault with it."""
        known = self.signs.get(str(fields.get("event.action")), ())
        out = set(faulted) if known else ()
        return [name for name, sign in known if name not in out and sign.meets(fields)]


@lru_cache(maxsize=1)
def proofs() -> Proofs:
    """Read the proofs. Raise DataError for an obligation that does not exist, or a proof that is missing."""
    text = (resources.files("engine") / "data" / "kz" / "proofs.yml").read_text(encoding="utf8")
    document, register = read_yaml(text), builtin_register()
    never = {action: str(body["never"]) for action, body in document["events"].items() if "never" in body}
    shared = {
        action: ProofSign(event=action, **body) for action, body in document["events"].items() if action not in never
    }
    own = document["obligations"]
    unknown = [key for key in own if key not in register]
    if unknown:
        raise DataError(f"no obligation '{unknown[0]}' is in the register", file="proofs.yml")
    found: dict[str, list[tuple[str, ProofSign]]] = {}
    for entry in register.obligations.values():
        signs = {action: shared[action] for action in entry.proof if action in shared}
        missing = [it for it in entry.proof if it not in signs and it not in never and it not in own.get(entry.id, {})]
        if missing:
            raise DataError(f"nothing says when '{missing[0]}' proves '{entry.id}'", file="proofs.yml")
        signs |= {action: ProofSign(event=action, **body) for action, body in own.get(entry.id, {}).items()}
        for action, sign in signs.items():
            found.setdefault(action, []).append((entry.id, sign))
    return Proofs({action: tuple(held) for action, held in found.items()}, never)
