"""Checks records against the schema files of OCSF: known and demanded attributes, types, values, constraints."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.support import DATA

WHOLE = (int,)
COMPILED = ("category_uid", "class_uid", "type_uid")
KINDS: dict[str, tuple[type, ...]] = {
    "boolean_t": (bool,), "integer_t": WHOLE, "long_t": WHOLE, "timestamp_t": WHOLE, "port_t": WHOLE,
    "float_t": (int, float), "json_t": (dict, list, str, int, float), "object": (dict,),
}  # fmt: skip


class Schema:
    """The schema of one version, from its archive."""

    def __init__(self, version: str) -> None:
        with zipfile.ZipFile(DATA / "ocsf" / f"schema-{version}.zip") as archive:
            self.files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
        self.dictionary = self.files["dictionary.json"]["attributes"]
        self.events = {it["name"]: it for name, it in self.files.items() if name.startswith("events/")}
        self.objects = {it["name"]: it for name, it in self.files.items() if name.startswith("objects/")}

    def faults(self, record: dict[str, Any], event: str) -> list[str]:
        """Return what is wrong with a record of an event class."""
        found = list(self._check(record, self._whole(self.events, event), "", tuple(record["metadata"]["profiles"])))
        # The numbers of classes are made when the schema is compiled: category * 1000 + class, class * 100 + activity.
        category = self.files["categories.json"]["attributes"][self.events[event]["category"]]["uid"]
        number = category * 1000 + self.events[event]["uid"]
        wanted = {"category_uid": category, "class_uid": number, "type_uid": number * 100 + record["activity_id"]}
        return found + [f"{key} is {value}" for key, value in wanted.items() if record[key] != value]

    def _whole(self, kinds: dict[str, Any], name: str) -> dict[str, Any]:
        """An entry with what it inherits and includes."""
        entry = kinds[name]
        parent = entry.get("extends")
        base = self._whole(kinds, parent) if parent else {"attributes": {}, "constraints": {}}
        attributes = dict(base["attributes"])
        for path in entry["attributes"].get("$include", []):
            profile = self.files[path]
            for key, value in profile["attributes"].items():
                attributes[key] = {**value, "profile": profile["name"]}
        for key, value in entry["attributes"].items():
            if key != "$include":
                held = attributes.get(key, {})
                enum = {**held.get("enum", {}), **value.get("enum", {})}
                attributes[key] = {**held, **value, **({"enum": enum} if enum else {})}
        return {"attributes": attributes, "constraints": {**base["constraints"], **entry.get("constraints", {})}}

    def _check(self, it: dict[str, Any], kind: dict[str, Any], at: str, profiles: tuple[str, ...]) -> Iterator[str]:
        attributes = kind["attributes"]
        for key, rule in attributes.items():
            own = rule.get("profile") in (None, *profiles)
            if rule.get("requirement") == "required" and own and key not in it:
                yield f"{at}{key} is required"
        for constraint, keys in kind["constraints"].items():
            count = sum(key in it for key in keys)
            if (constraint == "at_least_one" and count < 1) or (constraint == "just_one" and count != 1):
                yield f"{at or 'record'}: {constraint} of {keys}"
        for key, value in it.items():
            if key not in attributes or key not in self.dictionary:
                yield f"{at}{key} is not known"
                continue
            yield from self._value(value, {**self.dictionary[key], **attributes[key]}, key, f"{at}{key}", profiles)

    def _value(self, value: Any, rule: dict[str, Any], key: str, at: str, profiles: tuple[str, ...]) -> Iterator[str]:
        if rule.get("is_array"):
            if not isinstance(value, list):
                yield f"{at} is a list"
                return
            for number, part in enumerate(value):
                yield from self._value(part, {**rule, "is_array": False}, key, f"{at}[{number}]", profiles)
            return
        enum = {} if key in COMPILED else {**self.dictionary[key].get("enum", {}), **rule.get("enum", {})}
        kind = rule["type"]
        if kind in self.objects and kind != "object":
            if not isinstance(value, dict):
                yield f"{at} is an object"
                return
            yield from self._check(value, self._whole(self.objects, kind), f"{at}.", profiles)
        elif not isinstance(value, KINDS.get(kind, (str,))) or (kind != "boolean_t" and isinstance(value, bool)):
            yield f"{at} is {kind}, not {value!r}"
        elif enum and str(value) not in enum:
            yield f"{at} has no value {value}"


@cache
def schema(version: str) -> Schema:
    """Read the schema of a version."""
    return Schema(version)
