"""The role is asked for before anything: on every way in, for everybody without the right, nothing is read or kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.kernel.commands import name_of
from engine.kernel.facts import Person
from engine.permissions import COMMANDS, may
from infra.commands.bulk import MANY
from infra.web import console
from infra.web.api.acts import ACTS
from infra.web.app import create_app
from infra.web.console import forms
from infra.web.console.forms import Form
from infra.web.context import COOKIE
from tests.commands import qorgau
from tests.support import PASSWORD, PEOPLE, World

ADMIN = Person(id="root", roles=frozenset({"admin"}))
STAFF = (*PEOPLE, ADMIN)
NOTHING = "00000000-0000-4000-8000-000000000000"
TABLES: dict[str, tuple[str, dict[str, Form]]] = {
    "/incidents/{incident_id}/{act}": (f"/incidents/{NOTHING}", forms.INCIDENTS),
    "/clocks/{clock_id}/{act}": (f"/clocks/{NOTHING}", forms.CLOCKS),
    "/notices/{notice_id}/{act}": (f"/notices/{NOTHING}", forms.NOTICES),
    "/protections/{protection_id}/{act}": (f"/protections/{NOTHING}", forms.PROTECTIONS),
    "/duties/{act}": ("/duties", forms.DUTIES),
    "/risks/{act}": ("/risks", forms.RISKS),
    "/wording/{act}": ("/wording", forms.WORDING),
    "/retention/{act}": ("/retention", forms.RETENTION),
    "/rules/{name}/{act}": ("/rules/no-such-rule", forms.RULES),
    "/lists/{name}/{act}": ("/lists/no-such-list", forms.LISTS),
}
"""Route → where its acts are posted, and the acts."""
SINGLE: dict[str, tuple[str, Form]] = {
    "/incidents": ("/incidents", forms.REPORT),
    "/protections": ("/protections", forms.ENTER_ACT),
    "/coverage": ("/coverage", forms.EVIDENCE),
    "/controls": ("/controls", forms.CONTROL),
    "/clocks/feed": ("/clocks/feed", forms.FEED),
    "/clocks/confirm-time": ("/clocks/confirm-time", forms.CONFIRM_TIME),
    "/incidents/{incident_id}/client-list": (f"/incidents/{NOTHING}/client-list", forms.INCIDENTS["client-list"]),
    "/protections/{protection_id}/document": (
        f"/protections/{NOTHING}/document", forms.PROTECTIONS["document"],
    ),
    "/protections/{protection_id}/ruling": (f"/protections/{NOTHING}/ruling", forms.PROTECTIONS["ruling"]),
}  # fmt: skip
"""Route → its address, and the one form that is posted there."""
ELSEWHERE = {"/sign-in", "/sign-out", "/incidents/bulk"}


class Door:
    """The product, as everybody knocks at it."""

    def __init__(self, world: World, client: TestClient) -> None:
        self.world, self.client = world, client
        accounts = world.container.accounts
        tokens = {person.id: accounts.sign_in(person.id, PASSWORD) or "" for person in STAFF}
        self.csrf: dict[str, str] = {}
        for user, token in tokens.items():
            session = accounts.session(token)
            assert session is not None
            self.csrf[user] = session.csrf
        self.tokens = tokens

    def form(self, user: str, path: str, **fields: Any) -> int:
        """Post a form with a document in it; return the status."""
        headers = {"Cookie": f"{COOKIE}={self.tokens[user]}"}
        data, files = {"csrf": self.csrf[user], **fields}, {"document": ("a.pdf", b"%PDF-1.7 a page")}
        return int(self.client.post(path, data=data, files=files, headers=headers, follow_redirects=False).status_code)

    def api(self, user: str, path: str, body: dict[str, Any]) -> int:
        """Post to the API; return the status."""
        headers = {"Cookie": f"{COOKIE}={self.tokens[user]}", "X-CSRF-Token": self.csrf[user]}
        return int(self.client.post(path, json=body, headers=headers).status_code)

    def rows(self) -> dict[str, int]:
        """How many rows every table of the store has."""
        database = self.world.container.database
        names = [str(row["name"]) for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counted = {name: database.rows(f'SELECT COUNT(*) AS n FROM "{name}"')[0]["n"] for name in names}
        kept = sum(1 for path in (self.world.folder / "archive").rglob("*") if path.is_file())
        return {**counted, "archive": kept}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    world = World(tmp_path / "data").people()
    world.container.accounts.add(ADMIN.id, "Root", tuple(ADMIN.roles), PASSWORD, actor="test")
    with TestClient(create_app(world.container), base_url="http://localhost") as client:
        yield Door(world, client)
    world.container.close()


def _posted() -> set[str]:
    modules = [import_module(f"infra.web.console.{it.name}") for it in iter_modules(console.__path__)]
    routes = [route for module in modules if hasattr(module, "router") for route in module.router.routes]
    return {route.path for route in routes if "POST" in getattr(route, "methods", ())}


def test_no_form_of_the_console_is_forgotten_here() -> None:
    assert _posted() == set(TABLES) | set(SINGLE) | ELSEWHERE


def _refused(form: Form) -> list[Person]:
    return [person for person in STAFF if not may(name_of(form.command), person)]


def test_a_form_of_somebody_without_the_role_is_refused_before_anything_is_read_or_kept(door: Door) -> None:
    before = door.rows()
    ways = [(f"{base}/{act}", form) for base, table in TABLES.values() for act, form in table.items()]
    ways += list(SINGLE.values())
    for path, form in ways:
        for person in _refused(form):
            assert door.form(person.id, path) == 403, f"{person.id} {path}"
    for act, (kind, _) in MANY.items():
        for person in STAFF:
            if not may(name_of(kind), person):
                assert door.api(person.id, "/api/v1/incidents/bulk", {"ids": [NOTHING], "act": act}) == 403
    assert door.rows() == before


def test_a_call_of_somebody_without_the_role_is_refused_before_its_fields_are_looked_at(door: Door) -> None:
    before = door.rows()
    for name in COMMANDS:
        for person in STAFF:
            if not may(name, person):
                for body in ({}, {"nonsense": 1}):
                    assert door.api(person.id, f"/api/v1/commands/{name}", body) == 403, f"{person.id} {name}"
    for act, build in ACTS.items():
        for person in STAFF:
            if not may(name_of(build.kind), person):
                path = f"/api/v1/incidents/{NOTHING}/acts"
                status = door.api(person.id, path, {"act": act}) if act != "confirm" else 403
                assert status == 403, f"{person.id} {act}"
    old = (("/api/v1/incidents", "report-incident"), ("/api/v1/acts", "enter-act"),
           (f"/api/v1/notices/{NOTHING}/approve", "approve-notice"))  # fmt: skip
    for path, name in old:
        for person in STAFF:
            if not may(name, person):
                assert door.api(person.id, path, {}) == 403, f"{person.id} {path}"
    assert door.rows() == before


def test_refusals_do_not_tell_which_things_exist(door: Door) -> None:
    """Who has no right gets the same answer for what is there and for what is not."""
    door.world.feed(
        door.world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin")
    )  # fmt: skip
    there = str(door.world.incidents()[0]["id"])
    headers = {"Cookie": f"{COOKIE}={door.tokens['marat']}"}
    said = []
    for path in (f"/incidents/{there}/assign", f"/incidents/{NOTHING}/assign", "/rules/sensitive-change/tune",
                 "/rules/none/tune"):  # fmt: skip
        answer = door.client.post(path, data={"csrf": door.csrf["marat"]}, headers=headers, follow_redirects=False)
        said.append((answer.status_code, len(answer.text)))
    assert said[0] == said[1]
    assert said[2][0] == said[3][0] == 403
    values = {"csrf": door.csrf["marat"], "title": "a title", "incident_class": "fraud", "clients": "c-1"}
    assert door.client.post("/incidents", data=values, headers=headers, follow_redirects=False).status_code == 403


def test_a_playbook_is_started_by_somebody_who_shows_the_password(door: Door) -> None:
    world = door.world
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    number = str(world.incidents()[0]["number"])
    runs = world.rows("SELECT COUNT(*) AS n FROM run_view")[0]["n"]
    for option in ("--user", "--as"):
        asked = qorgau("playbooks", "run", "loan-fraud", "--incident", number, option, "aigul", data=world.folder)
        assert asked.returncode == 2, "no password, no act"
    word = f"{PASSWORD}\n".encode()
    for user in ("marat", "bolat"):
        asked = qorgau(
            "playbooks", "run", "no-such", "--incident", "INC-1", "--as", user, data=world.folder, stdin=word
        )
        assert (asked.returncode, b"no such playbook" in asked.stderr) == (2, False), "the role comes first"
    assert world.rows("SELECT COUNT(*) AS n FROM run_view")[0]["n"] == runs
    done = qorgau(
        "playbooks", "run", "loan-fraud", "--incident", number, "--user", "aigul", data=world.folder, stdin=word
    )
    assert done.returncode == 0, done.stderr
    assert world.rows("SELECT COUNT(*) AS n FROM run_view")[0]["n"] == runs + 1


def test_the_check_names_accounts_that_stand_on_both_sides(door: Door) -> None:
    with door.world.container.database.write() as cursor:
        cursor.execute("UPDATE users SET roles = ? WHERE id = ?", ('["compliance_officer","fraud_analyst"]', "erlan"))
    told = json.loads(qorgau("check", "--json", data=door.world.folder).stdout)
    assert told["two_sided_accounts"] == ["erlan"]
    assert b"account erlan" in qorgau("check", data=door.world.folder).stdout
