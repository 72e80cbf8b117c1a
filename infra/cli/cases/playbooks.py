"""``qorgau playbooks``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.incidents.commands import StartPlaybook
from engine.kernel.errors import InputError
from engine.permissions import require
from infra.app.container import builtin_playbooks
from infra.cli import acting, common
from infra.read.finders import load_incident
from playbooks.cacao import read


@click.group()
def playbooks() -> None:
    """Playbooks (CACAO 2.0)."""


@playbooks.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@common.as_json
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check playbooks: the OASIS schemas, then what the schemas cannot see. Exit status 1 when one is refused."""
    results = []
    for file in files:
        playbook, findings = read(common.read_text(file), str(file))
        found = [finding.model_dump() for finding in findings]
        results.append({"file": str(file), "valid": playbook is not None, "findings": found})
        if not as_json:
            for finding in findings:
                click.echo(f"{file}: {finding.level}: {finding.pointer} {finding.message}")
            click.echo(f"{file}: {'valid' if playbook else 'refused'}")
    if as_json:
        click.echo(json.dumps(results, ensure_ascii=False))
    if not all(result["valid"] for result in results):
        raise SystemExit(1)


@playbooks.command("run")
@click.argument("label")
@click.option("--incident", "number", required=True, help="Number of the incident.")
@acting.who_or_user
def run_playbook(label: str, number: str, user: str) -> None:
    """Start the playbook LABEL on an incident; a running server (or catch-up) carries it on."""
    with common.container() as container:
        person = acting.person(container, user)
        require("start-playbook", person)
        if label not in container.playbooks:
            raise InputError(f"there is no such playbook; known: {', '.join(container.playbooks)}", field="LABEL")
        command = StartPlaybook(incident_id=load_incident(container, number).id, playbook=label)
        run_id = container.dispatch(command, by=person).id
    click.echo(run_id)


@playbooks.command("list")
@common.as_json
def list_playbooks(as_json: bool) -> None:
    """List the product's playbooks."""
    rows = [
        {"label": label, "name": p.name, "steps": len(p.workflow), "modified": p.modified, "id": p.id}
        for label, p in builtin_playbooks().items()
    ]
    common.show(rows, ("label", "name", "steps", "modified"), as_json)
