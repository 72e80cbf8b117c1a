"""The personal-data notice: its list of subjects is really there, encrypted; unknown is never zero."""

from __future__ import annotations

import zipfile
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import pytest
import pyzipper
from fastapi.testclient import TestClient

from engine.notices.notice import Notice
from infra.outbound.subjects import SubjectLists
from infra.web.app import create_app
from tests.support import ANALYST, COMPLIANCE, PASSWORD, World


def given_a_breach(world: World, *clients: str) -> str:
    for client in clients:
        world.feed(
            world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin",
                        user__id="op-1", mfo__loan__id=f"L-{client}")
        )  # fmt: skip
    first, *others = world.incidents()
    for row in others:
        world.container.acts.merge(row["id"], first["number"], "one breach", by=ANALYST)
        world.work()
    return str(first["id"])


def given_a_bulk_query(world: World) -> str:
    world.feed(world.event("db.query.bulk", user__id="op-evil", mfo__db__rows=120_000, mfo__db__table="clients"))
    return str(world.incidents()[0]["id"])


def when_it_is_sent(world: World, incident: str) -> Notice:
    key = world.notices(incident)["pd_authority"]["id"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.work()
    return world.container.decisions.load(Notice, key)


def attached(world: World, notice: Notice) -> dict[str, bytes]:
    mail = message_from_bytes((world.folder / "spool" / f"{notice.id}.eml").read_bytes())
    return {
        str(part.get_filename()): bytes(part.get_payload(decode=True))  # type: ignore[arg-type]
        for part in mail.walk() if part.get_filename()
    }  # fmt: skip


def test_the_list_is_attached_and_only_the_password_opens_it(world: World) -> None:
    notice = when_it_is_sent(world, given_a_breach(world, "c-1", "c-2"))
    (name,) = [it for it in attached(world, notice) if it.endswith(".zip")]
    data = attached(world, notice)[name]
    assert b"c-1" not in data and b"c-2" not in data
    password = SubjectLists(world.container.decisions, world.container.store.vault).password(notice)
    with pyzipper.AESZipFile(BytesIO(data)) as file:
        file.setpassword(password.encode())
        text = file.read("subjects.csv").decode()
        assert {"client,c-1", "client,c-2"} <= set(text.split())
        file.setpassword(b"another")
        with pytest.raises(RuntimeError):
            file.read("subjects.csv")
    with zipfile.ZipFile(BytesIO(data)) as plain:
        assert plain.infolist()[0].flag_bits & 1, "it is marked as encrypted"
    mail = (world.folder / "spool" / f"{notice.id}.eml").read_text()
    assert password not in mail
    assert notice.subjects == 2


def test_what_was_approved_is_what_goes_out(world: World) -> None:
    incident = given_a_breach(world, "c-1", "c-2")
    key = world.notices(incident)["pd_authority"]["id"]
    world.container.acts.approve_notice(key, None, by=COMPLIANCE)
    world.container.acts.name_clients(incident, ["c-9"], [], "they called", by=ANALYST)
    world.work()
    found = SubjectLists(world.container.decisions, world.container.store.vault).of(
        world.container.decisions.load(Notice, key)
    )
    assert found is not None and found.named == 2


def test_unknown_is_not_zero(world: World) -> None:
    incident = given_a_bulk_query(world)
    for row in world.held_notices(incident):
        content = world.container.decisions.load(Notice, row.id).content
        for text in (text for fields in content.values() for text in fields.values()):
            assert ": 0" not in text, (row.kind, text)
    pd = world.container.decisions.load(Notice, world.notices(incident)["pd_authority"]["id"])
    assert "список устанавливается" in pd.content["ru"]["subjects"]
    assert "вложени" not in pd.content["ru"]["subjects"], "it promises nothing that is not there"
    sent = when_it_is_sent(world, incident)
    assert not [name for name in attached(world, sent) if name.endswith(".zip")]


def test_the_officer_gets_list_and_password_and_others_do_not(tmp_path: Path) -> None:
    world = World(tmp_path).people()
    incident = given_a_breach(world, "c-1")
    key = world.notices(incident)["pd_authority"]["id"]
    lists = SubjectLists(world.container.decisions, world.container.store.vault)
    password = lists.password(world.container.decisions.load(Notice, key))
    for name, status in (("bolat", 200), ("aigul", 403)):
        with TestClient(create_app(world.container)) as web:
            web.post("/sign-in", data={"user": name, "password": PASSWORD})
            assert web.get(f"/notices/{key}/subjects.zip").status_code == status
            assert (password in web.get(f"/notices/{key}").text) is (status == 200)


def test_another_notice_has_no_list(world: World) -> None:
    incident = given_a_breach(world, "c-1")
    key = world.notices(incident)["regulator"]["id"]
    assert SubjectLists(world.container.decisions, world.container.store.vault).of(
        world.container.decisions.load(Notice, key)
    ) is None  # fmt: skip
