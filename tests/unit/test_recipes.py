"""The recipes of CONTRIBUTING.md are true: an example of each is added to a copy of the product, counted, and works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOCK = """
  - id: my-report
    clause: "KREDIT7 9.1"
    obligations: []
    valid_from: 2027-01-01
    valid_to: null
    owner: incident
    per: incident
    starts_on: [incident-owes]
    when: [notifiable]
    anchor: detected
    term: {n: 3, unit: business_day}
    satisfied_by: [recovery-confirmed]
    cancelled_by: [incident-closed-without-duty, incident-not-notifiable, incident-merged]
    escalation: ladder
"""
NOTICE = """
  - kind: union
    clock: null
    addressee: notice_mail
    obligations: []
    per: incident
    drafted_when: [notifiable]
    by_hand: true
"""
WORDS = """
  union:
    title: Notice to the union
    fields:
      text: {heading: Text, text: "Incident {{ incident.number }}"}
"""
COUNTRY = """jurisdiction: xx
title: Elsewhere
country: DE
verified: false
duties:
"""
PAGE = '''"""A page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from infra.web.context import TheSession, page

router = APIRouter(include_in_schema=False)


@router.get("/hello")
def show_hello(request: Request, session: TheSession) -> Response:
    """Say hello."""
    return page(request, "hello.html", session, title="Hello")
'''
COMMAND = '''

class PraiseIncident(Command[Outcome]):
    """Say that an incident was handled well."""

    incident_id: str
'''
HANDLER = '''

@in_unit(PraiseIncident)
def praise(work: Work, command: PraiseIncident) -> Outcome:
    """Say that an incident was handled well."""
    incident = work.get(Incident, command.incident_id)
    work.record(Incident, incident.id, triage.add_note(incident, "well done", by=work.by, at=work.at))
    return DONE
'''
Edit = tuple[str, ...]
"""What stands there, what stands there then, and so on; an empty place means the end of the file."""


class Recipe:
    """Files with what is added to each, the most files it may take, and a program that shows that it works."""

    def __init__(self, most: int, edits: Mapping[str, Edit], program: str, words: tuple[str, ...] = ()) -> None:
        self.most, self.edits, self.program, self.words = most, edits, program, words


RECIPES = {
    "a clock": Recipe(2, {"engine/data/kz/duties.yml": ("", CLOCK)},
        "from engine.duties.declared import clock_spec; from engine.duties.policy import ClockPolicy; "
        "assert clock_spec('my-report').n == 3; assert len(ClockPolicy().declared)"),
    "a jurisdiction": Recipe(1, {"engine/data/xx/duties.yml": ("", COUNTRY + CLOCK)},
        "from engine.duties.policy import ClockPolicy; "
        "assert 'xx' in {it.jurisdiction for it in ClockPolicy(jurisdictions=('kz', 'xx')).declared}"),
    "a notice kind": Recipe(3, {"engine/data/kz/notices.yml": ("", NOTICE)},
        "from infra.settings.settings import Settings; from reports.wording import kinds, title; "
        "assert Settings(notice_mail={'union': 'u@example.kz'}).mail_of('union') == 'u@example.kz'; "
        "assert 'union' in kinds() and title('union', 'kk') == 'Notice to the union'",
        words=("reports/templates/ru.yml", "reports/templates/kk.yml", "reports/templates/en.yml")),
    "an order": Recipe(3, {
        "engine/protection/facts.py": ('    "collection-stop", "accrual-stop",',
            '    "letter-stop", "collection-stop", "accrual-stop",',
            '    "collection-stop": "collections",', '    "letter-stop": "post",\n'
            '    "collection-stop": "collections",'),
        "engine/protection/orders.py": ('("client-flag", "loans"),', '("client-flag", "loans"), '
            '("letter-stop", "post"),')},
        "from datetime import UTC, date, datetime; from engine.protection import orders as o; "
        "from engine.protection.protection import Protection; "
        "from engine.protection import facts as f; at = datetime(2026, 11, 23, tzinfo=UTC); it = Protection(); "
        "it.apply(f.ActRegistered(at=at, protection_id='x', act=f.LegalAct(kind='victim_resolution', issuer='i', "
        "number='1', act_date=date(2026, 11, 20), received_at=at, channel='c', client='c', loans=('l',), "
        "bureaus=('pkb',)))); orders = o.issue_orders(it, due_at=at, at=at); "
        "assert ('letter-stop', 'post') in {(it.kind, it.system) for it in orders}, orders"),
    "a page": Recipe(4, {
        "infra/web/console/hello.py": ("", PAGE),
        "infra/web/templates/hello.html": ("", '{% extends "layout.html" %}{% block main %}Hello{% endblock %}'),
        "infra/web/app.py": ("from infra.web.console import live, sign_in\n",
            "from infra.web.console import hello as pages_hello\nfrom infra.web.console import live, sign_in\n",
            "        pages_clocks,\n", "        pages_hello,\n        pages_clocks,\n"),
        "engine/permissions/reading.py": ('paths=("/permissions",', 'paths=("/hello", "/permissions",')},
        "import tempfile; from pathlib import Path; from infra.app.container import open_container; "
        "from infra.settings.settings import Settings; from infra.web.app import create_app; "
        "app = create_app(open_container(Settings(data=Path(tempfile.mkdtemp())))); "
        "assert '/hello' in str([getattr(it, 'path', it) for it in app.routes]) or app.url_path_for('show_hello')"),
    "a command": Recipe(3, {
        "engine/incidents/commands.py": ("", COMMAND),
        "engine/permissions/table.py": ('    _of("incidents", "acknowledge-incident"',
            '    _of("incidents", "praise-incident", "Praise", _TRIAGE, _WORKING),\n'
            '    _of("incidents", "acknowledge-incident"'),
        "engine/handlers/incidents.py": ("", HANDLER)},
        "import tempfile; from pathlib import Path; from infra.app.container import open_container; "
        "from infra.commands.dispatch import KINDS; from infra.settings.settings import Settings; "
        "from infra.web.app import create_app; "
        "assert 'praise-incident' in KINDS; app = create_app(open_container(Settings(data=Path(tempfile.mkdtemp())))); "
        "assert '/api/v1/commands/praise-incident' in app.openapi()['paths']"),
}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the product."""
    for package in ("engine", "rules", "playbooks", "reports", "infra"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "java"))
    return tmp_path


def change(path: Path, edit: Edit) -> None:
    """Make an edit; the place it names must be there."""
    text = path.read_text(encoding="utf8") if path.exists() else ""
    for here, then in zip(edit[::2], edit[1::2], strict=True):
        assert here in text, f"{path.name} has no {here!r} any more; the recipe is stale"
        text = text.replace(here, then, 1) if here else text.rstrip("\n") + "\n" + then
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf8")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_no_more_files_than_it_says_and_works(name: str, copy: Path) -> None:
    recipe = RECIPES[name]
    for path, edit in recipe.edits.items():
        change(copy / path, edit)
    for path in recipe.words:
        change(copy / path, ("\nnotices:", "\nnotices:" + WORDS.rstrip("\n")))
    if name == "a command":
        change(copy / "engine/handlers/incidents.py", ("    AddNote,\n", "    AddNote,\n    PraiseIncident,\n"))
    assert len(recipe.edits) <= recipe.most
    env = {**os.environ, "PYTHONPATH": str(copy), "QORGAU_TOML": str(copy / "none")}
    where = f"import engine; assert engine.__file__.startswith({str(copy)!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", where + recipe.program],
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_longest_file_a_recipe_touches_can_be_read() -> None:
    touched = {path for recipe in RECIPES.values() for path in recipe.edits if (ROOT / path).suffix == ".py"}
    assert {
        p: n for p in touched if (ROOT / p).exists() and (n := len((ROOT / p).read_text().splitlines())) > 400
    } == {}
