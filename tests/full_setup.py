"""The same tests over real engines: with ``FULL_SETUP=1`` every world keeps its store in PostgreSQL and its index in
Elasticsearch. Nothing in a scenario knows of it.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

WANTED = os.environ.get("FULL_SETUP") == "1"
_numbers = count()
_engines: dict[Path, dict[str, str]] = {}


def engines_of(folder: Path) -> dict[str, str]:
    """Return the settings of the engines behind a data directory; the same directory has the same ones."""
    if folder not in _engines:
        from tests.servers import node
        from tests.stores import postgres_url

        prefix = f"full-{os.getpid()}-{next(_numbers)}"
        _engines[folder] = {"database": postgres_url(), "elasticsearch": node().url, "elasticsearch_prefix": prefix}
    return _engines[folder]


def completed(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Add the engines to the settings of a world, where they are wanted and it names none itself."""
    return {**engines_of(folder), **settings} if WANTED and "database" not in settings else settings


def environment(folder: Path) -> dict[str, str]:
    """Return the engines of a directory as variables, for a command over it."""
    return {f"QORGAU_{name.upper()}": value for name, value in _engines.get(folder, {}).items()} if WANTED else {}
