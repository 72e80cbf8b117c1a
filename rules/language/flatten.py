"""Events as rules see them: flat, with dotted names; and the normalised twin for case-blind tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.language.matchers import norm

MAX_DEPTH = 64
"""An object nested deeper stays one value: no rule names it, and walking it costs."""


def normalise(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the normalised twin of a flat event."""
    return {field: norm(value) for field, value in event.items()}


def flatten(event: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a flat or nested event to dotted names; objects inside arrays give arrays of their values."""
    if not any(isinstance(value, dict | list) for value in event.values()):
        return dict(event)
    out: dict[str, Any] = {}
    _flatten_into(event, "", out, 0)
    return out


def _flatten_into(value: Mapping[str, Any], prefix: str, out: dict[str, Any], depth: int) -> None:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and depth < MAX_DEPTH:
            _flatten_into(item, name + ".", out, depth + 1)
        elif isinstance(item, list) and any(isinstance(part, dict) for part in item) and depth < MAX_DEPTH:
            for part in item:
                inner: dict[str, Any] = {}
                if isinstance(part, dict):
                    _flatten_into(part, name + ".", inner, depth + 1)
                else:
                    inner[name] = part
                for inner_name, inner_value in inner.items():
                    held = out.setdefault(inner_name, [])
                    held.extend(inner_value) if isinstance(inner_value, list) else held.append(inner_value)
        else:
            out[name] = item
