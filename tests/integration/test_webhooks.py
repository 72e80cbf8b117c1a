"""Webhooks against a real HTTP server: what is told, how it is signed, what happens when nobody takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from engine.kernel.errors import DataError
from infra.read import queries
from infra.settings.settings import load_settings
from infra.store.models.effects import EffectRow
from tests.commands import qorgau
from tests.ocsf_schema import schema
from tests.receiver import Receiver, receiving, signature
from tests.support import ANALYST, World

SECRET, OTHER = "whsec_" + "QUJD" * 11, "whsec_" + "WFla" * 11
CLIENT = "C-104477"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def world_with(tmp_path: Path, receiver: Receiver, **more: object) -> World:
    hook = {"url": receiver.url, "secrets": [SECRET], **more}
    return World(tmp_path, webhooks={"siem": hook}).people()


def strike(world: World, client: str = CLIENT) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def test_an_incident_is_told_signed_and_without_names(tmp_path: Path, receiver: Receiver) -> None:
    world = world_with(tmp_path, receiver)
    key = strike(world)
    world.container.acts.acknowledge(key, by=ANALYST)
    world.work()
    assert receiver.types == ["incident.opened", "incident.acknowledged"]
    for (headers, body), told in zip(receiver.taken, receiver.bodies, strict=True):
        assert headers["webhook-signature"] == signature(SECRET, headers, body)
        assert schema("1.7.0").faults(told["data"], "incident_finding") == []
        assert CLIENT.encode() not in body
    assert [told["data"]["status"] for told in receiver.bodies] == ["New", "In Progress"]
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 2
    assert {row.to for row in queries.outbox(world.container) if row.kind == "webhook"} == {"siem"}
    world.container.close()


def test_a_try_again_is_the_same_message_at_another_instant(tmp_path: Path, receiver: Receiver) -> None:
    world = world_with(tmp_path, receiver)
    receiver.answers = [503, 429]
    strike(world)
    for _ in range(2):
        world.clock.forward(minutes=10)
        world.sweep()
    first, *others = [it for it in receiver.taken if b"incident.opened" in it[1]]
    assert len(others) == 2
    for headers, body in others:
        assert (headers["webhook-id"], body) == (first[0]["webhook-id"], first[1])
        assert headers["webhook-signature"] == signature(SECRET, headers, body)
    assert len({headers["webhook-timestamp"] for headers, _ in [first, *others]}) == 3
    world.container.close()


def test_two_secrets_give_two_signatures(tmp_path: Path, receiver: Receiver) -> None:
    world = world_with(tmp_path, receiver, secrets=[SECRET, OTHER])
    strike(world)
    headers, body = receiver.taken[0]
    assert headers["webhook-signature"].split(" ") == [signature(it, headers, body) for it in (SECRET, OTHER)]
    world.container.close()


@pytest.mark.parametrize(("answers", "days"), [([410], 0), ([500] * 3, 4)])
def test_what_is_not_taken_is_told_to_people(tmp_path: Path, receiver: Receiver, answers: list[int], days: int) -> None:
    world = world_with(tmp_path, receiver, events=["incident.opened"])
    receiver.answers = answers
    strike(world)
    world.clock.forward(days=days)
    world.sweep()
    (row,) = world.held(EffectRow, kind="webhook")
    assert row.state == "refused"
    assert any("webhook:siem:" in row.payload for row in world.held(EffectRow, kind="alert"))
    world.container.close()


def test_only_what_was_asked_for_is_told_and_nothing_of_the_past(tmp_path: Path, receiver: Receiver) -> None:
    before = World(tmp_path).people()
    strike(before, "C-1")
    before.container.close()
    hook = {"url": receiver.url, "secrets": [SECRET], "events": ["clock.*"]}
    world = World(tmp_path, before.clock, webhooks={"siem": hook})
    world.count = before.count
    world.work()
    assert receiver.types == []
    strike(world, "C-2")
    assert set(receiver.types) == {"clock.started"}
    assert {body["data"]["owner_kind"] for body in receiver.bodies} == {"incident"}
    world.clock.forward(days=9)
    world.sweep()
    assert "clock.breached" in receiver.types
    world.container.close()


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ({"url": "http://siem.example/hook"}, "https"),
        ({"url": "https://user@siem.example/"}, "without a user"),
        ({"url": "https://siem.example/", "secrets": ["whsec_QUJD"]}, "at least 24 bytes"),
        ({"url": "https://siem.example/", "events": ["Incident Opened"]}, "an event is one of"),
        ({"url": "https://siem.example/", "secrets": []}, "at least 1 item"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_keeps_the_secret(hook: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        load_settings(webhooks={"siem": {"secrets": [SECRET], **hook}})
    assert SECRET not in str(raised.value)
    good = load_settings(webhooks={"siem": {"url": "https://siem.example/", "secrets": [SECRET]}})
    assert SECRET not in repr(good)


def test_the_commands(tmp_path: Path, receiver: Receiver) -> None:
    world = world_with(tmp_path, receiver, events=["incident.opened"])
    strike(world)
    world.container.close()
    hook = json.dumps({"siem": {"url": receiver.url, "secrets": [SECRET], "events": ["incident.opened"]}})
    done = qorgau("webhooks", "test", "siem", data=tmp_path, QORGAU_WEBHOOKS=hook)
    assert done.returncode == 0, done.stderr
    headers, body = receiver.taken[-1]
    assert Webhook(SECRET).verify(body, headers)["type"] == "qorgau.test"
    (row,) = json.loads(qorgau("webhooks", "list", "--json", data=tmp_path, QORGAU_WEBHOOKS=hook).stdout)
    assert (row["webhook"], row["taken"], row["waiting"], row["refused"]) == ("siem", 1, 0, 0)
    done = qorgau("webhooks", "again", "siem", data=tmp_path, QORGAU_WEBHOOKS=hook)
    assert done.stdout.startswith(b"1 messages")
    before = receiver.taken[0]
    qorgau("catch-up", data=tmp_path, QORGAU_WEBHOOKS=hook)
    assert (receiver.taken[-1][0]["webhook-id"], receiver.taken[-1][1]) == (before[0]["webhook-id"], before[1])
    receiver.answers = [404]
    done = qorgau("webhooks", "test", "siem", data=tmp_path, QORGAU_WEBHOOKS=hook)
    assert (done.returncode, b"HTTP 404" in done.stderr) == (2, True)
    made = qorgau("webhooks", "secret", data=tmp_path).stdout.decode().strip()
    assert Webhook(made).sign("a", world.clock.now(), "b").startswith("v1,")
    done = qorgau("webhooks", "test", "crm", data=tmp_path, QORGAU_WEBHOOKS=hook)
    assert b"there is no webhook 'crm'; known: siem" in done.stderr
