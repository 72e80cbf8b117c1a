"""The OpenAPI document of what other systems offer, and whether a body is as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[1] / "docs" / "api" / "orders.openapi.yaml"
NAME = "urn:qorgau:orders"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf8"))
_REGISTRY: Registry[Any] = Registry().with_resource(NAME, DRAFT202012.create_resource(DOCUMENT))


def at(pointer: str) -> Any:
    """What a reference of the document leads to."""
    found: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def references(value: Any = DOCUMENT) -> Iterator[str]:
    """Every reference in the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from references(part)


def operation(path: str) -> dict[str, Any]:
    """The operation behind a path, its references followed once."""
    found: dict[str, Any] = DOCUMENT["paths"][path]["post"]
    return found


def faults(pointer: str, body: Any) -> list[str]:
    """What is wrong with a body by the schema at a place of the document."""
    kind = Draft202012Validator
    validator = kind({"$ref": f"{NAME}{pointer}"}, registry=_REGISTRY, format_checker=kind.FORMAT_CHECKER)
    return [f"{it.json_path}: {it.message}" for it in validator.iter_errors(body)]


def request_faults(path: str, body: Any) -> list[str]:
    """What is wrong with a request."""
    return faults(f"#/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema", body)


def answer_faults(path: str, status: int, body: Any) -> list[str]:
    """What is wrong with an answer: a status nobody told of, or a body that is not as told."""
    pointer = f"#/paths/{path.replace('/', '~1')}/post/responses/{status}"
    told = operation(path)["responses"].get(str(status))
    if told is None:
        return [f"{path} does not tell of {status}"]
    if "$ref" in told:
        pointer, told = told["$ref"], at(told["$ref"])
    return faults(f"{pointer}/content/application~1json/schema", body) if "content" in told else []
