"""Settings as they were at the last start: what differs at the next one is a fact, with both values."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from engine.kernel.ids import derive
from infra.settings.settings import Settings
from infra.store.integrity.facts import SettingNow, SettingsSeen
from infra.store.log.decisions import Decisions

KEY = str(derive("settings", "seen"))
OF_THE_MACHINE = frozenset({"data", "host", "port", "readers", "log_format", "otlp_endpoint", "organisations"})
"""Where and how it runs, not what it does."""
_SECRET_WORDS = ("secret", "token", "password", "key", "database", "keyring", "webhooks", "kafka")
LONGEST = 500


def shown(settings: Settings, key: bytes) -> dict[str, str]:
    """Return the settings that matter, each as text; of what may be secret a keyed digest."""
    return {name: _text(settings, name, getattr(settings, name), key) for name in _names(settings)}


def shipped(settings: Settings, key: bytes) -> dict[str, str]:
    """Return the same as they are shipped."""
    fields = type(settings).model_fields
    return {
        name: _text(settings, name, fields[name].get_default(call_default_factory=True), key)
        for name in _names(settings)
    }


def _names(settings: Settings) -> list[str]:
    return [name for name in type(settings).model_fields if name not in OF_THE_MACHINE]


def _text(settings: Settings, name: str, value: Any, key: bytes) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value, default=_plain).decode()
    told = type(settings).model_fields[name].repr
    return _digest(key, text) if text and _secret(name, told, text) else text[:LONGEST]


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _secret(name: str, told: bool, text: str) -> bool:
    return not told or any(word in name for word in _SECRET_WORDS) or ("://" in text and "@" in text)


def _digest(key: bytes, text: str) -> str:
    return f"digest {hmac.digest(key, text.encode(), sha256).hex()[:16]}"


def last_seen(decisions: Decisions) -> dict[str, str] | None:
    """Return the settings of the last start by name, None before the first."""
    facts = [fact for fact in decisions.of(KEY) if isinstance(fact, SettingsSeen)]
    found: dict[str, str] = {}
    for fact in facts:
        for it in fact.changed:
            found[it.name] = it.now
    return found if facts else None


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[SettingNow, ...]:
    """Return what differs of settings by name; one that is not known any more is left out."""
    return tuple(
        SettingNow(name=name, before=before.get(name, ""), now=value)
        for name, value in sorted(now.items())
        if before.get(name, "") != value
    )


def see_settings(decisions: Decisions, settings: Settings, key: bytes, at: datetime) -> tuple[SettingNow, ...]:
    """Record what differs from the last start; return it. Nothing is recorded where nothing does."""
    before, now = last_seen(decisions), shown(settings, key)
    changed = changes(shipped(settings, key) | (before or {}), now)
    if before is None or changed:
        text = orjson.dumps(now, option=orjson.OPT_SORT_KEYS).decode()
        with decisions.unit(at) as unit:
            unit.record_single(KEY, SettingsSeen(at=at, changed=changed, digest=_digest(key, text)))
    return changed if before is not None else ()
