"""Who may say that something was done: which sources a house believes about which event types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Senders:
    """Event types, or their beginning (``iam.``), and the sources whose events of them are evidence or an answer. Of a
    type that is not named: any source with a token."""

    known: Mapping[str, Collection[str]] = field(default_factory=dict)

    def may(self, action: str, source: str) -> bool:
        """Say whether a source may tell of this; the longest name that fits counts."""
        fit = [name for name in self.known if name == action or (name.endswith(".") and action.startswith(name))]
        return not fit or source in self.known[max(fit, key=len)]
