"""The words of the notices, as data: headings, phrases, classes, in Russian and Kazakh."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

LANGUAGES = ("ru", "kk")


@lru_cache(maxsize=1)
def wording() -> dict[str, Any]:
    """Read the words that ship with the product."""
    text = (resources.files("reports") / "templates" / "wording.yml").read_text(encoding="utf8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def template_version() -> str:
    """Give the version of the words, stored with every draft."""
    return str(wording()["version"])


def heading(kind: str, language: str, name: str) -> str:
    """Give the heading of one field of a notice."""
    words = wording()
    if kind == "client" and name in words["client_headings"][language]:
        return str(words["client_headings"][language][name])
    return str(words["headings"][language].get(name, name))


def title(kind: str, language: str) -> str:
    """Give the title of a kind of notice."""
    return str(wording()["kinds"][kind][language]["title"])


def recipient(kind: str, language: str) -> str:
    """Name the recipient of a kind of notice."""
    return str(wording()["recipients"][kind][language])
