"""Every reading of somebody's data is on record before the answer leaves; the log of it cannot be changed unseen."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from infra.store.reads.access_log import Access, AccessLog, NotRecorded
from infra.store.reads.verifying import verify_reads
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.commands import qorgau
from tests.support import MONDAY, PASSWORD, World

CLIENT = "c-who-is-read"


class Reader:
    """The product, and what its access log says."""

    def __init__(self, world: World, client: TestClient) -> None:
        self.world, self.client = world, client
        self.log: AccessLog = world.container.store.access
        self.tokens: dict[str, str] = {}

    def get(self, user: str, path: str, **headers: str) -> Any:
        token = self.tokens.get(user) or self.world.container.accounts.sign_in(user, PASSWORD) or ""
        self.tokens[user] = token
        return self.client.get(path, headers={"Cookie": f"{COOKIE}={token}", **headers})

    def records(self) -> list[dict[str, Any]]:
        with self.log.reading() as connection:
            if connection is None:
                return []
            return [orjson.loads(row[0]) for row in connection.execute("SELECT entry FROM reads ORDER BY position")]

    def whole(self) -> tuple[int, str]:
        return verify_reads(self.log, self.world.container.store.signer.verifier)

    @property
    def pseudonym(self) -> str:
        return self.world.container.store.vault.client(CLIENT)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    world = World(tmp_path / "data", regulator_mail="agency@example.kz").people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=CLIENT, mfo__change__field="iin"))
    with TestClient(create_app(world.container), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield Reader(world, client)
    world.container.close()


def test_every_way_to_a_client_leaves_a_record_that_names_him_without_a_value(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    notice = reader.world.notices(incident)["regulator"]["id"]
    ways = {
        f"/incidents/{incident}": "GET /incidents/{incident_id}",
        "/": "GET /",
        f"/incidents/{incident}/touched/clients": "GET /incidents/{incident_id}/touched/{kind}",
        f"/notices/{notice}": "GET /notices/{notice_id}",
        f"/notices/{notice}/document.pdf": "GET /notices/{notice_id}/document.{kind}",
        "/clocks": "GET /clocks",
        "/events/1": "GET /events/{position}",
        f"/incidents/{incident}/bundle.zip": "GET /incidents/{incident_id}/bundle.zip",
        f"/api/v1/incidents/{incident}": "GET /api/v1/incidents/{incident_id}",
        f"/api/v1/incidents/{incident}/export": "GET /api/v1/incidents/{incident_id}/export",
    }
    for number, (way, route) in enumerate(ways.items(), 1):
        assert reader.get("bolat", way).status_code == 200, way
        records = reader.records()
        assert len(records) == number, f"{way}: one look, one record"
        last = records[-1]
        assert (last["who"], last["route"], last["at"]) == ("bolat", route, records[-1]["at"]), way
        named = {it for held in last["ids"].values() for it in held}
        assert reader.pseudonym in named or incident in named or notice in named, way
        assert last["way"] == ("api" if way.startswith("/api") else "console")
        assert last["address"] == "testclient"
    assert CLIENT not in orjson.dumps(reader.records()).decode()
    assert reader.records()[0]["case"] == incident
    assert reader.whole() == (len(ways), "")


def test_a_search_that_finds_somebody_is_on_record_and_one_that_finds_nobody_is_not(reader: Reader) -> None:
    reader.get("aigul", "/events?q=nobody-of-this-name")
    assert reader.records() == []
    reader.get("aigul", f"/api/v1/events?q={CLIENT}")
    assert reader.pseudonym in reader.records()[0]["ids"]["entity"]


def test_pages_without_anybody_and_refusals_leave_no_record(reader: Reader) -> None:
    for path in ("/help", "/permissions", "/account", "/catalogue"):
        assert reader.get("aigul", path).status_code == 200
    assert reader.get("erlan", "/protections").status_code == 403
    assert reader.get("aigul", "/incidents/none").status_code == 404
    assert reader.records() == []


def test_what_a_page_asks_for_by_itself_is_marked(reader: Reader) -> None:
    reader.get("aigul", "/", **{"HX-Request": "true"})
    assert [it["by_itself"] for it in reader.records()] == [True]


def test_without_a_record_a_page_is_shown_with_an_alarm_and_nothing_of_many_is_given_out(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    reader.log.path = reader.world.folder / "none" / "reads.sqlite"
    shown = reader.get("bolat", f"/incidents/{incident}")
    assert (shown.status_code, 'id="unrecorded"' in shown.text, CLIENT in shown.text) == (200, True, True)
    for path in (f"/incidents/{incident}/bundle.zip", f"/api/v1/incidents/{incident}/export"):
        refused = reader.get("bolat", path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "reads.not-recorded"), path
        assert incident not in refused.text
    health = reader.get("bolat", "/health")
    assert health.status_code == 503
    assert [it["stage"] for it in health.json()["faults"]] == ["access log"]
    assert "access log" in reader.get("bolat", "/help").text
    reader.log.path = reader.world.folder / "reads.sqlite"
    assert 'id="unrecorded"' not in reader.get("bolat", f"/incidents/{incident}").text
    assert reader.get("bolat", "/health").status_code == 200


def test_readers_do_not_wait_for_who_decides(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    reader.get("bolat", "/help")
    with reader.world.container.database.write():
        assert reader.get("bolat", f"/incidents/{incident}").status_code == 200
    assert len(reader.records()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE reads SET who = 'aigul' WHERE position = 2", "record 2"),
        ("UPDATE reads SET entry = replace(entry, 'bolat', 'aigul') WHERE position = 2", "record 2"),
        ("DELETE FROM reads WHERE position = 2", "no record 2"),
        ("DELETE FROM reads WHERE position = 3", "not signed"),
        ("DELETE FROM reads WHERE position = 3; DELETE FROM heads WHERE size = 3; INSERT INTO heads SELECT 2, note "
         "FROM kept", "cut"),
        ("DELETE FROM read_ids", "index"),
        ("DELETE FROM reads; DELETE FROM heads; DELETE FROM read_ids", "cut"),
    ],
)  # fmt: skip
def test_a_change_is_found_without_and_with_the_heads(reader: Reader, change: str, said: str) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    for number in range(3):
        reader.get("bolat", f"/incidents/{incident}")
        if number == 1:
            with sqlite3.connect(reader.log.path) as connection:
                connection.execute("CREATE TABLE kept AS SELECT note FROM heads WHERE size = 2")
    reader.log.close()
    assert reader.whole() == (3, "")
    with sqlite3.connect(reader.log.path) as connection:
        connection.executescript(change)
    assert said in reader.whole()[1]


def test_the_missing_file_is_found_by_the_head_beside_the_keys_and_not_begun_anew(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    reader.get("bolat", f"/incidents/{incident}")
    reader.log.close()
    for path in reader.world.folder.glob("reads.sqlite*"):
        path.unlink()
    assert "missing" in reader.whole()[1]
    assert 'id="unrecorded"' in reader.get("bolat", f"/incidents/{incident}").text


def _access(day: int) -> Access:
    return Access(MONDAY + timedelta(days=day), "bolat", "cli", "test", {"client": ["p-1"]})


def test_records_go_after_their_term_and_the_rest_is_whole(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    container = world.container
    (tmp_path / "reads").mkdir()
    log = AccessLog(tmp_path / "reads", tmp_path / "reads", container.store.signer, str, 30)
    for day in (0, 1, 31, 32):
        log.write(_access(day))
    assert verify_reads(log, container.store.signer.verifier) == (2, "")
    log.write(_access(500))
    log.write(_access(501))
    assert verify_reads(log, container.store.signer.verifier) == (2, "")
    log.close()
    world.container.close()


def test_many_at_once_and_two_processes_follow_each_other(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    container = world.container
    one, other = container.store.access, AccessLog(
        world.folder, container.settings.keys_folder, container.store.signer, str, 30
    )  # fmt: skip
    waiting = [log.submit(_access(0)) for _ in range(150) for log in (one, other)]
    assert sorted(it.result(60) for it in waiting) == list(range(1, 301))
    other.close()
    assert verify_reads(one, container.store.signer.verifier) == (300, "")
    world.container.close()


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    log = AccessLog(tmp_path / "nowhere", tmp_path, world.container.store.signer, str, 30)
    with pytest.raises(NotRecorded, match="cannot be recorded"):
        log.write(_access(0))
    assert log.trouble
    log.close()
    world.container.close()


def test_the_auditor_finds_readings_by_person_client_and_page_and_is_on_record_himself(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    reader.get("bolat", f"/incidents/{incident}")
    reader.get("aigul", "/")
    for path in ("/reads", "/api/v1/reads"):
        assert [reader.get(user, path).status_code for user in ("aigul", "bolat", "erlan")] == [403] * 3
        assert reader.get("marat", path).status_code == 200

    def who(query: str) -> list[str]:
        return [row["who"] for row in reader.get("marat", f"/api/v1/reads?{query}").json()]

    assert who("who=bolat") == ["bolat"]
    assert who(f"of={incident}")[-2:] == ["aigul", "bolat"]
    assert who("kind=GET /incidents/{incident_id}") == ["bolat"]
    assert set(who(f"of={CLIENT}")) >= {"aigul", "bolat"}
    assert who("of=c-nobody") == []
    assert who("until=2000-01-01") == []
    assert "bolat" in reader.get("marat", f"/reads?of={CLIENT}").text
    own = [it for it in reader.records() if it["who"] == "marat"]
    assert own[0]["route"] == "GET /reads"
    assert any(reader.pseudonym in it["ids"].get("entity", ()) for it in own)


def test_the_pages_of_readings_go_on_after_a_place(reader: Reader) -> None:
    for number in range(450):
        reader.log.submit(Access(MONDAY, f"u{number}", "cli", "test", {"client": ["p"]}))
    reader.log.write(_access(0))
    seen, below = [], 0
    while rows := reader.get("marat", f"/api/v1/reads?kind=test&below={below}").json():
        seen += [row["position"] for row in rows]
        below = rows[-1]["position"]
    assert seen == sorted(range(1, 452), reverse=True)
    assert "below=" in reader.get("marat", "/reads").text


def test_the_command_line_lists_readings_and_verify_checks_them(reader: Reader) -> None:
    incident = str(reader.world.incidents()[0]["id"])
    reader.get("bolat", f"/incidents/{incident}")
    word, data = f"{PASSWORD}\n".encode(), reader.world.folder
    asked = qorgau("reads", "list", "--as", "marat", "--reason", "yearly audit", "--json", data=data, stdin=word)
    assert [row["who"] for row in orjson.loads(asked.stdout)] == ["bolat"]
    refused = qorgau("reads", "list", "--as", "aigul", "--reason", "curious", data=data, stdin=word)
    assert refused.returncode == 2
    assert reader.records()[-1]["reason"] == "yearly audit"
    told = orjson.loads(qorgau("ledger", "verify", "--json", data=data).stdout)
    assert (told["whole"], told["reads"]) == (True, 2)
    with sqlite3.connect(reader.log.path) as connection:
        connection.execute("UPDATE reads SET who = 'nobody' WHERE position = 1")
    found = qorgau("ledger", "verify", data=data)
    assert (found.returncode, b"record 1 of the access log" in found.stdout) == (1, True)


def test_the_access_log_goes_with_the_backup_and_comes_back_with_it(reader: Reader, tmp_path: Path) -> None:
    incident = reader.world.incidents()[0]["id"]
    assert reader.get("bolat", f"/incidents/{incident}").status_code == 200
    before, file = reader.records(), tmp_path / "copy.sqlite"
    data = tmp_path / "data"
    made = qorgau("ledger", "backup", str(file), data=data)
    assert made.returncode == 0, made.stderr
    again = qorgau("ledger", "backup", str(tmp_path / "copy"), data=data)
    assert again.returncode == 0, again.stderr
    (tmp_path / "third.reads").write_bytes(b"mine")
    kept = qorgau("ledger", "backup", str(tmp_path / "third"), data=data)
    assert (kept.returncode, (tmp_path / "third").exists()) == (2, False), "nothing is overwritten"
    home = tmp_path / "home"
    shutil.copytree(tmp_path / "data" / "keys", home / "keys")
    back = qorgau("ledger", "restore", str(file), data=home)
    assert back.returncode == 0, back.stderr
    with sqlite3.connect(home / "reads.sqlite") as connection:
        held = [orjson.loads(row[0]) for row in connection.execute("SELECT entry FROM reads ORDER BY position")]
    assert held[: len(before)] == before and before


def test_a_list_of_clients_names_them_whatever_way_it_is_given_out(reader: Reader) -> None:
    incident = reader.world.incidents()[0]["id"]
    key = next(row["id"] for kind, row in reader.world.notices(incident).items() if kind == "client")
    assert reader.get("bolat", f"/notices/{key}/clients.txt").text == CLIENT
    assert reader.pseudonym in str(reader.records()[-1]["ids"])
    assert reader.get("bolat", f"/notices/{key}/document.html?client={CLIENT}").status_code == 200
    assert reader.pseudonym in str(reader.records()[-1]["ids"])


def test_a_program_cannot_say_that_a_page_asked_by_itself(reader: Reader) -> None:
    incident = reader.world.incidents()[0]["id"]
    assert reader.get("bolat", f"/api/v1/incidents/{incident}", **{"HX-Request": "true"}).status_code == 200
    assert reader.records()[-1]["by_itself"] is False
