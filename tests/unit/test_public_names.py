"""What others rely on stays: commands and their options, settings, paths of the API, event types, topics, metrics.

``tests/data/public_names.json`` was recorded at commit 56dc29b. A name may be added; one that is gone fails here, and
comes back as an alias for one release at least.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import orjson
import pytest

from engine.events.catalogue import builtin_catalogue
from infra.app.container import open_container
from infra.cli import cli
from infra.settings.settings import Settings
from infra.store.log.topics import REGISTRY
from infra.web.app import create_app

RECORDED = Path(__file__).parents[1] / "data" / "public_names.json"
PRODUCT = Path(__file__).parents[2]


def commands(group: click.Command, path: str = "qorgau") -> dict[str, list[str]]:
    """Every command with its options and arguments."""
    found = {path: sorted(name for it in group.params for name in (*it.opts, *it.secondary_opts))}
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found |= commands(command, f"{path} {name}")
    return found


def names(folder: Path) -> dict[str, Any]:
    """Everything public as it is now."""
    container = open_container(Settings(data=folder))
    try:
        schema = create_app(container).openapi()
    finally:
        container.close()
    metrics = (PRODUCT / "infra" / "web" / "api" / "prometheus.py").read_text(encoding="utf8")
    return {
        "commands": commands(cli),
        "settings": sorted(Settings.model_fields),
        "paths": {path: sorted(methods) for path, methods in sorted(schema["paths"].items())},
        "fields": {name: sorted(it.get("properties", ())) for name, it in sorted(_schemas(schema).items())},
        "events": sorted(builtin_catalogue().events),
        "topics": sorted(REGISTRY),
        "metrics": sorted(set(re.findall(r'"(qorgau_[a-z_]+)"', metrics))),
    }


def _schemas(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema.get("components", {}).get("schemas", {})
    return found


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return names(tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(RECORDED.read_bytes())
    return found


@pytest.mark.parametrize("kind", ["settings", "events", "topics", "metrics"])
def test_every_name_of_before_is_there(kind: str, now: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert set(recorded[kind]) - set(now[kind]) == set()


@pytest.mark.parametrize("kind", ["commands", "paths", "fields"])
def test_every_command_path_and_field_of_before_is_there(
    kind: str, now: dict[str, Any], recorded: dict[str, Any]
) -> None:
    gone = {name: sorted(set(parts) - set(now[kind].get(name, ()))) for name, parts in recorded[kind].items()}
    assert {name: parts for name, parts in gone.items() if parts or name not in now[kind]} == {}


if __name__ == "__main__":
    import tempfile

    RECORDED.write_bytes(orjson.dumps(names(Path(tempfile.mkdtemp())), option=orjson.OPT_INDENT_2))
