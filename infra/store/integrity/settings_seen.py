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
    """Return the settings that matter and are not as shipped, each as text; of what may be secret a keyed digest."""
    found = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name in OF_THE_MACHINE or value == field.get_default(call_default_factory=True):
            continue
        text = value if isinstance(value, str) else orjson.dumps(value, default=_plain).decode()
        found[name] = _digest(key, text) if _secret(name, field.repr, text) else text[:LONGEST]
    return found


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
    return {name: value for name, value in found.items() if value} if facts else None


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[SettingNow, ...]:
    """Return what differs; an empty value stands for the one that is shipped."""
    names = sorted({*before, *now})
    return tuple(
        SettingNow(name=name, before=before.get(name, ""), now=now.get(name, ""))
        for name in names
        if before.get(name, "") != now.get(name, "")
    )


def see_settings(decisions: Decisions, settings: Settings, key: bytes, at: datetime) -> tuple[SettingNow, ...]:
    """Record what differs from the last start; return it. Nothing is recorded where nothing does."""
    before, now = last_seen(decisions), shown(settings, key)
    changed = changes(before or {}, now)
    if before is None or changed:
        text = orjson.dumps(now, option=orjson.OPT_SORT_KEYS).decode()
        with decisions.unit(at) as unit:
            unit.record_single(KEY, SettingsSeen(at=at, changed=changed, digest=_digest(key, text)))
    return changed if before is not None else ()
