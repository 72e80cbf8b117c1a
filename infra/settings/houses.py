"""What the houses of one installation must not share: addresses, databases, indexes, topics, directories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from engine.kernel.errors import DataError

ELASTICSEARCH_PREFIX = "qorgau"
KAFKA_PREFIX = "qorgau.events"


def own_names(slug: str, own: Mapping[str, Any], common: Mapping[str, Any], houses: int) -> dict[str, str]:
    """Return the prefixes of a house that names none itself and uses what the installation names for all."""
    found = {}
    if houses > 1 and not {"elasticsearch", "elasticsearch_prefix"} & own.keys():
        found["elasticsearch_prefix"] = f"{common.get('elasticsearch_prefix', ELASTICSEARCH_PREFIX)}-{slug}"
    if houses > 1 and not {"kafka", "kafka_prefix"} & own.keys():
        found["kafka_prefix"] = f"{common.get('kafka_prefix', KAFKA_PREFIX)}.{slug}"
    return found


def refuse_shared(houses: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse two houses with something in common that one of them would read of the other. Raise DataError."""
    held: dict[tuple[str, ...], str] = {}
    for slug, values in houses.items():
        for setting, *name in _claims(slug, values):
            other = held.setdefault((setting, *name), slug)
            if other != slug:
                raise DataError(
                    f"'{other}' and '{slug}' share {name[-1]}; every organisation needs its own",
                    field=f"organisations.{slug}.{setting}",
                )


def _claims(slug: str, values: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    hosts = values.get("hosts") or (f"{slug}.localhost",)
    yield from (("hosts", str(host).lower().rstrip(".")) for host in hosts)
    yield "data", str(values["data"])
    if values.get("keys"):
        yield "keys", str(values["keys"])
    yield from ((name, _place(str(values[name]))) for name in ("database", "keyring") if values.get(name))
    if values.get("elasticsearch"):
        prefix = str(values.get("elasticsearch_prefix", ELASTICSEARCH_PREFIX))
        yield from (("elasticsearch_prefix", node, prefix) for node in _servers(values["elasticsearch"]))
    if values.get("kafka"):
        prefix = str(values.get("kafka_prefix", KAFKA_PREFIX))
        yield from (("kafka_prefix", broker, prefix) for broker in _servers(values["kafka"]))


def _servers(text: object) -> list[str]:
    return [it.strip().rstrip("/").lower() for it in str(text).split(",")]


def _place(url: str) -> str:
    """Return server and database of an address, without who asks and how."""
    parts = urlsplit(url)
    return f"{(parts.hostname or 'localhost').lower()}:{parts.port or 5432}{parts.path}"
