"""The index templates, made from the catalogue and kept as files; ``python -m infra.search.mappings`` writes them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from engine.events.catalogue import ENVELOPE, Catalogue, builtin_catalogue
from infra.search.documents import vocabulary_of
from infra.search.port import INDEXES

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "double"},
    "boolean": {"type": "boolean"},
    "date": {"type": "date", "ignore_malformed": True},
    "ip": {"type": "ip", "ignore_malformed": True},
}
_OURS: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "qorgau.key": {"type": "long"},
    "qorgau.version": {"type": "long", "index": False},
    "qorgau.at": {"type": "long"},
    "qorgau.words": {"type": "text", "analyzer": "whitespace", "norms": False},
    "qorgau.runs": {"type": "keyword", "doc_values": False},
    "qorgau.shown": {"type": "keyword", "index": False, "doc_values": False},
}


def template(index: str, catalogue: Catalogue) -> dict[str, Any]:
    """Return settings and mapping of an index; names are ECS names, flat, and no other field is ever added."""
    properties = dict(_OURS)
    for name, kind in sorted(vocabulary_of(index, catalogue).fields.items()):
        known = catalogue.fields.get(name) if index == "events" else None
        properties.setdefault(name, _TYPES.get(known.type if known else kind, _KEYWORD))
    if index == "events":
        properties |= {name: properties.get(name, _KEYWORD) for name in sorted(ENVELOPE - {"@timestamp"})}
    return {
        "settings": {"index": {"number_of_shards": 1, "refresh_interval": "1s"}},
        "mappings": {
            "dynamic": False,
            "subobjects": False,
            "_source": {"excludes": ["qorgau.words", "qorgau.runs"]},
            "_meta": {"managed_by": "qorgau"},
            "properties": properties,
        },
    }


def shipped(index: str) -> dict[str, Any]:
    """Read the file of an index."""
    found: dict[str, Any] = orjson.loads((resources.files("infra") / "search" / f"templates/{index}.json").read_bytes())
    return found


def lifecycle() -> dict[str, Any]:
    """Read the policy under which the events' index is rolled over."""
    found: dict[str, Any] = orjson.loads(
        (resources.files("infra") / "search" / "templates/lifecycle.json").read_bytes()
    )
    return found


def write(folder: Path) -> None:
    """Write the files of all indexes."""
    for index in INDEXES:
        text = orjson.dumps(template(index, builtin_catalogue()), option=orjson.OPT_INDENT_2)
        (folder / f"{index}.json").write_bytes(text + b"\n")


if __name__ == "__main__":
    write(Path(__file__).parent / "templates")
