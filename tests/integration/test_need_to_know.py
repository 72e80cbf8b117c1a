"""Everybody sees what his work needs: every page and answer by every role, and nobody in it whom he may not see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from engine.incidents.commands import ReportIncident
from engine.kernel.errors import NotFound
from engine.kernel.facts import Person
from engine.permissions import PEOPLE, READS, Role, reading_of
from engine.permissions.reading import UNCLASSIFIED
from engine.protection.commands import EnterAct
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.support import COMPLIANCE, MONDAY, PASSWORD, World

OPEN = {
    "/health", "/metrics", "/sign-in", "/sign-in/second", "/sign-in/enrol",
    "/calendar/{token}.ics", "/api/v1/openapi.json",
}  # fmt: skip
"""What is asked by machines and strangers, and looks after itself."""
POLICE, STAFF_MATTER, CHEATED, TAKEN = "c-under-police", "c-of-control", "c-cheated", "c-taken-over"
UNSEEN = {
    Role.ADMIN: {POLICE, STAFF_MATTER, CHEATED, TAKEN},
    Role.FRAUD_ANALYST: {POLICE, STAFF_MATTER},
}
"""Role → clients of whom nothing may show."""


def _leaves(routes: Any) -> Iterator[APIRoute]:
    for it in routes:
        if isinstance(it, APIRoute) and "GET" in (it.methods or ()):
            yield it
        elif hasattr(it, "original_router"):
            yield from _leaves(it.original_router.routes)


class House:
    """A house with an incident of each kind, a borrower under protection, and an account for each role."""

    def __init__(self, world: World, client: TestClient) -> None:
        self.world, self.client = world, client
        accounts = world.container.accounts
        self.tokens = {}
        for role in PEOPLE:
            accounts.add(f"one-{role.value}", role.value, (role.value,), PASSWORD, actor="test")
            self.tokens[role] = accounts.sign_in(f"one-{role.value}", PASSWORD) or ""
        self._fill()

    def _fill(self) -> None:
        world, dispatch = self.world, self.world.container.dispatch
        for title, kind, client in (("of control", "control-failure", STAFF_MATTER), ("fraud", "fraud", CHEATED)):
            dispatch(
                ReportIncident(title=title, incident_class=kind, channel="letter", told_at=MONDAY, clients=(client,),
                               severity="high", personal_data=True), by=COMPLIANCE,
            )  # fmt: skip
        world.feed(world.event("portal.profile.change_applied", mfo__client__id=TAKEN, mfo__change__field="iin"))
        world.feed(world.event("collection.contact_attempted", mfo__client__id=POLICE), source="collections")
        act = {
            "kind": "victim_resolution", "issuer": "UP", "number": "17", "act_date": "2026-11-20",
            "received_at": MONDAY, "channel": "office", "client": POLICE, "loans": ("L-police",),
        }  # fmt: skip
        self.protection = dispatch(EnterAct.model_validate(act), by=COMPLIANCE).id
        world.work()
        self.by_client = {
            client: next(
                str(row["incident_id"])
                for row in world.rows("SELECT incident_id FROM incident_entity WHERE value = ?", client)
            )
            for client in (STAFF_MATTER, CHEATED, TAKEN)
        }

    def get(self, role: Role, path: str) -> Any:
        return self.client.get(path, headers={"Cookie": f"{COOKIE}={self.tokens[role]}"}, follow_redirects=False)

    def routes(self) -> list[APIRoute]:
        app: Any = self.client.app
        return list(_leaves(app.routes))

    def notice(self, kind: str, client: str) -> str:
        rows = self.world.rows(
            "SELECT id FROM notice_view WHERE incident_id = ? AND kind = ?", self.by_client[client], kind
        )
        return str(rows[0]["id"])

    def ways(self, route: str) -> list[str]:
        """The addresses of a route, for each case there is."""
        found = []
        for client, incident in self.by_client.items():
            notice = self.world.rows("SELECT id FROM notice_view WHERE incident_id = ?", incident)
            for key in [str(row["id"]) for row in notice] or ["none"]:
                values = {
                    "incident_id": incident, "owner": incident, "notice_id": key, "protection_id": self.protection,
                    "kind": "clients" if "touched" in route else "regulator-notice" if "clocks" in route else "pdf",
                    "name": "security" if "reports" in route else "x.eml" if "mail" in route else "fraud", "order_id":
                    "none", "document_id": "none", "position": "1", "log": "decisions", "old": "1", "token": "t",
                }  # fmt: skip
                found.append(re.sub(r"\{(\w+)\}", lambda it, held=values: held[it[1]], route))
            found += [f"{route}?q={client}", f"{route}?view=closed", f"{route}?state=all"] if "{" not in route else []
            found += [f"{route}?of={of}" for of in ("incidents", "notices")] if route.endswith("/events") else []
        return sorted(set(found))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    world = World(tmp_path / "data", regulator_mail="agency@example.kz").people()
    with TestClient(create_app(world.container), base_url="http://localhost") as client:
        yield House(world, client)
    world.container.close()


def test_every_way_to_read_is_in_the_table(house: House) -> None:
    paths = [route.path for route in house.routes()]
    assert len(paths) > 60
    assert [path for path in paths if path not in OPEN and reading_of(path) is UNCLASSIFIED] == []
    named = {path for reading in READS.values() for path in reading.paths}
    assert [path for path in named if not any(it == path or it.startswith(f"{path}/") for it in paths)] == []


def test_who_may_see_everything_is_shown_everybody(house: House) -> None:
    shown = ""
    for route in (
        "/protections",
        "/retention",
        "/",
        "/api/v1/clocks",
        "/events",
        "/api/v1/notices",
        "/incidents/{incident_id}",
    ):
        shown += "".join(house.get(Role.CISO, way).text for way in house.ways(route) if "?q" not in way)
    assert {it for it in (POLICE, STAFF_MATTER, CHEATED, TAKEN) if it not in shown} == set()


def test_every_page_for_every_role_is_as_the_table_says_and_shows_nobody_whom_the_role_may_not_see(
    house: House,
) -> None:
    for route in house.routes():
        if route.path in OPEN or route.path == "/stream":
            continue
        allowed = reading_of(route.path).roles
        for role in PEOPLE:
            for way in house.ways(route.path):
                answer = house.get(role, way)
                if way.partition("?")[0] == "/account/second-factor":
                    assert answer.headers["location"] == "/account", "nothing was begun"
                elif role in allowed:
                    assert answer.status_code in (200, 404, 409, 422), f"{role} {way}: {answer.status_code}"
                elif route.path == "/":
                    assert (answer.status_code, answer.headers["location"]) == (303, "/system")
                else:
                    assert answer.status_code == 403, f"{role} {way}: {answer.status_code}"
                asked = way.partition("?q=")[2]
                shown = answer.text.replace(asked, "") if asked else answer.text
                for client in UNSEEN.get(role, ()):
                    assert client not in shown, f"{role} sees {client} at {way}"


def test_what_a_person_may_not_see_is_answered_like_what_is_not_there(house: House) -> None:
    there, none = house.by_client[STAFF_MATTER], "00000000-0000-4000-8000-000000000000"
    for path in ("/incidents/{}", "/api/v1/incidents/{}", "/incidents/{}/bundle.zip", "/api/v1/incidents/{}/export"):
        said = [house.get(Role.FRAUD_ANALYST, path.format(key)) for key in (there, none)]
        assert said[0].status_code == said[1].status_code
        assert len(said[0].text) == len(said[1].text)
    said = [house.get(Role.ADMIN, f"/incidents/{key}") for key in (there, none)]
    assert [it.status_code for it in said] == [403, 403]
    assert said[0].text.replace(there, none) == said[1].text


def test_the_fraud_analyst_sees_fraud_without_notices_to_the_personal_data_authority(house: House) -> None:
    fraud = house.by_client[CHEATED]
    assert CHEATED in house.get(Role.FRAUD_ANALYST, f"/incidents/{fraud}").text
    hidden = house.notice("pd_authority", CHEATED)
    assert house.get(Role.FRAUD_ANALYST, f"/notices/{hidden}").status_code == 404
    assert house.get(Role.COMPLIANCE_OFFICER, f"/notices/{hidden}").status_code == 200
    assert hidden not in house.get(Role.FRAUD_ANALYST, "/notices").text
    listed = [it["number"] for it in house.get(Role.FRAUD_ANALYST, "/api/v1/incidents").json()]
    everything = [it["number"] for it in house.get(Role.CISO, "/api/v1/incidents").json()]
    assert set(listed) < set(everything)
    told = house.get(Role.FRAUD_ANALYST, f"/api/v1/incidents/{fraud}").json()
    assert {it["kind"] for it in told["notices"]} & {"pd_authority"} == set()
    assert told["notice_count"] == len(told["notices"])


def test_an_incident_assigned_to_somebody_is_there_for_him(house: House) -> None:
    key = house.by_client[STAFF_MATTER]
    assert house.get(Role.FRAUD_ANALYST, f"/incidents/{key}").status_code == 404
    with house.world.container.database.write() as cursor:
        cursor.execute("UPDATE incident_view SET assignee = 'one-fraud_analyst' WHERE id = ?", (key,))
    assert STAFF_MATTER in house.get(Role.FRAUD_ANALYST, f"/incidents/{key}").text


def test_nobody_acts_on_what_is_not_there_for_him(house: House) -> None:
    from engine.incidents.commands import AddNote

    by = Person(id="one-fraud_analyst", roles=frozenset({"fraud_analyst"}))
    with pytest.raises(NotFound):
        house.world.container.dispatch(AddNote(incident_id=house.by_client[STAFF_MATTER], text="a note"), by=by)
    house.world.container.dispatch(AddNote(incident_id=house.by_client[CHEATED], text="a note"), by=by)


def test_the_menu_and_the_links_lead_only_where_the_role_may_go(house: House) -> None:
    routes = house.routes()
    starts = ("/", "/clocks", "/notices", "/protections", "/events", "/rules", "/duties", "/retention", "/system",
              "/help", "/coverage", "/controls", "/risks", "/reports", "/wording", "/account",
              "/permissions")  # fmt: skip
    for role in PEOPLE:
        for start in (*starts, f"/incidents/{house.by_client[CHEATED]}"):
            answer = house.get(role, start)
            if answer.status_code != 200:
                continue
            for link in set(re.findall(r'href="(/[^"#?]*)', answer.text)):
                route = next((it for it in routes if it.path_regex.match(link)), None)
                if route is not None and route.path not in OPEN:
                    assert role in reading_of(route.path).roles, f"{role}: {start} leads to {link}"


def test_the_calendar_feed_of_somebody_who_reads_no_terms_any_more_is_gone(house: House) -> None:
    accounts = house.world.container.accounts
    token = accounts.new_feed(Person(id="one-soc_analyst"))
    assert house.client.get(f"/calendar/{token}.ics").status_code == 200
    token = accounts.new_feed(Person(id="one-admin"))
    assert house.client.get(f"/calendar/{token}.ics").status_code == 404
