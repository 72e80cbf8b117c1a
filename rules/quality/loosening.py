"""Whether a version of a rule may detect less than another one.

Nobody can say of two conditions in general which finds more. So every difference counts as a loosening but what is only
said (titles, tests), and what is plainly stricter: a higher severity, duties of the law that did not hold before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEVELS = ("informational", "low", "medium", "high", "critical")
_ONLY_SAID = frozenset(
    {"title", "description", "author", "date", "modified", "references", "falsepositives", "license"}
)
_ONLY_SAID_OF_US = frozenset({"words", "tests"})
_DUTIES = ("notifiable", "personal_data")


def loosens(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Say whether ``after`` may find less than ``before``, or raise fewer duties; None stands for no rule in force."""
    if before is None:
        return False
    if after is None:
        return True
    old, new = dict(before), dict(after)
    ours, theirs = dict(old.pop("qorgau", None) or {}), dict(new.pop("qorgau", None) or {})
    if _level(new.pop("level", "")) < _level(old.pop("level", "")):
        return True
    for duty in _DUTIES:
        if ours.pop(duty, False) and not theirs.pop(duty, False):
            return True
        theirs.pop(duty, None)
    return _without(old, _ONLY_SAID) != _without(new, _ONLY_SAID) or _without(ours, _ONLY_SAID_OF_US) != _without(
        theirs, _ONLY_SAID_OF_US
    )


def _level(name: object) -> int:
    return _LEVELS.index(name) if name in _LEVELS else -1


def _without(document: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}
