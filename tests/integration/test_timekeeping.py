"""A clock that jumps: breaches wait, warnings do not, people are told, and somebody settles it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

from engine.duties.clock import Clock
from engine.duties.commands import ConfirmTime, CorrectBreach
from engine.kernel.errors import Conflict, DecisionRefused, NotAllowed, SecondPersonNeeded
from engine.kernel.facts import Person
from engine.kernel.trouble import ClockJumped, TimeConfirmed
from infra.observe import time_doubt
from infra.observe.stage_health import Faults
from infra.outbound import sntp
from infra.processes.timekeeping import Hours, Timekeeper
from infra.web.app import create_app
from infra.web.context import COOKIE
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, PASSWORD, World

ADMIN = Person(id="zarina", roles=frozenset({"admin"}), name="Zarina")


@dataclass
class Server:
    """A time server of the test: it shows what it is told to."""

    world: World
    name: str
    off: timedelta = timedelta(0)
    silent: bool = False

    def ask(self) -> datetime | None:
        return None if self.silent else self.world.clock.now() + self.off


@dataclass
class Machine:
    """The machine under the product: its wall clock, which can be set, and its seconds, which cannot."""

    world: World
    seconds: float = 1_000.0
    boot: str = "boot-1"
    servers: list[Server] = field(default_factory=list)

    def keeper(self) -> Timekeeper:
        container = self.world.container
        return Timekeeper(
            container.decisions, container.clock, Faults(container.decisions, container.clock), self.servers,
            seconds=lambda: self.seconds, boot=self.boot,
        )  # fmt: skip

    def passes(self, **span: float) -> None:
        self.world.clock.forward(**span)
        self.seconds += timedelta(**span).total_seconds()

    def is_set(self, **by: float) -> None:
        self.world.clock.forward(**by)


@pytest.fixture
def machine(world: World) -> Machine:
    return Machine(world)


def incident(world: World) -> str:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.incidents()[-1]["id"])


def swept(world: World, hours: Hours) -> dict[str, Clock]:
    world.container.sweep.run(hours)
    world.work()
    return {
        it["kind"]: world.container.decisions.load(Clock, it["id"]) for it in world.clocks(incident_of(world)).values()
    }


def incident_of(world: World) -> str:
    return str(world.incidents()[-1]["id"])


def facts(world: World, kind: type) -> list:  # type: ignore[type-arg]
    return [it.fact for it in world.container.decisions.read(0, 10_000) if isinstance(it.fact, kind)]


def test_a_step_ahead_breaches_nothing_and_warns_all_the_same(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    incident(world)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    machine.is_set(days=5)
    hours = keeper.look()
    assert hours.latest - hours.sure == timedelta(days=5)
    clock = swept(world, hours)["regulator-notice"]
    assert clock.breached_at is None and clock.reached, "warned, and not breached"
    machine.passes(minutes=5)
    assert swept(world, keeper.look())["regulator-notice"].breached_at is None
    assert len(facts(world, ClockJumped)) == 1, "told once"
    machine.is_set(days=-5)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    assert not time_doubt.is_doubted(world.container.database)
    (settled,) = facts(world, TimeConfirmed)
    assert settled.actor == "qorgau"
    machine.passes(days=5)
    assert swept(world, keeper.look())["regulator-notice"].breached_at is not None, "a true breach is still recorded"


def test_a_step_back_keeps_warning_by_the_time_that_passed(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    incident(world)
    keeper.look()
    machine.is_set(days=-365)
    machine.passes(days=2)
    hours = keeper.look()
    assert hours.latest - hours.sure == timedelta(days=365)
    clock = swept(world, hours)["regulator-notice"]
    assert clock.reached and clock.breached_at is None
    assert keeper.look().latest == hours.latest


def test_small_corrections_are_believed(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    for by in (40, -50, 59, -59):
        keeper.look()
        machine.passes(seconds=1)
        machine.is_set(seconds=by)
        assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    assert not facts(world, ClockJumped)


def test_what_was_done_late_while_the_clock_was_behind_is_late_once_it_is_right(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    key = incident(world)
    keeper.look()
    machine.is_set(days=-5)
    keeper.look()
    machine.passes(days=4)
    world.container.sweep.run(keeper.look())
    world.container.acts.acknowledge(key, by=ANALYST)
    world.container.acts.confirm(key, "no false alarm", by=ANALYST)
    world.work()
    triage = world.clocks(key)["triage"]
    assert triage["state"] == "satisfied"
    machine.is_set(days=5)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    assert world.container.decisions.load(Clock, triage["id"]).state == "satisfied-late"


def test_many_small_steps_are_a_step(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    began, taken = keeper.look().sure, 0
    for _ in range(10):
        machine.passes(seconds=1)
        machine.is_set(seconds=-20)
        taken += 1
        hours = keeper.look()
    assert time_doubt.is_doubted(world.container.database)
    assert hours.latest == began + timedelta(seconds=taken), "counted from before the first of them"
    machine.is_set(seconds=20 * taken)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())


def test_no_breach_is_taken_back_while_the_clock_is_doubted(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    incident(world)
    keeper.look()
    machine.passes(days=5)
    clock = swept(world, keeper.look())["regulator-notice"]
    assert clock.state == "breached"
    machine.is_set(days=-5)
    keeper.look()
    with pytest.raises(DecisionRefused, match="in doubt"):
        world.container.dispatch(CorrectBreach(clock_id=clock.id, reason="the clock was five days ahead"), by=CISO)


def test_a_person_confirms_what_he_saw(world: World, machine: Machine) -> None:
    keeper = machine.keeper()
    incident(world)
    keeper.look()
    machine.is_set(days=5)
    keeper.look()
    shown, dispatch = world.clock.now(), world.container.dispatch
    with pytest.raises(NotAllowed):
        dispatch(ConfirmTime(reason="my watch says so"), by=ANALYST)
    with pytest.raises(Conflict):
        dispatch(ConfirmTime(reason="my watch says so", shown=shown - timedelta(days=5)), by=ADMIN)
    with pytest.raises(DecisionRefused):
        dispatch(ConfirmTime(reason="-", shown=shown), by=ADMIN)
    dispatch(ConfirmTime(reason="compared with the radio clock", shown=shown), by=ADMIN)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    assert swept(world, keeper.look())["regulator-notice"].breached_at is not None
    with pytest.raises(DecisionRefused):
        dispatch(ConfirmTime(reason="once more"), by=CISO)


def test_the_doubt_outlives_the_process_and_the_start_of_the_machine(world: World, machine: Machine) -> None:
    machine.keeper().look()
    believed = world.clock.now()
    machine.is_set(days=5)
    hours = machine.keeper().look()
    assert hours.sure == believed, "another process on the same start of the machine sees the step"
    machine.passes(hours=1)
    machine.boot, machine.seconds = "boot-2", 5.0
    keeper = machine.keeper()
    assert keeper.look().sure == believed + timedelta(seconds=5), "nothing says how long the machine was off"
    machine.passes(hours=1)
    assert keeper.look().sure == believed + timedelta(hours=1, seconds=5), "what passes since is certain"
    world.container.dispatch(ConfirmTime(reason="compared with the radio clock"), by=CISO)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())


def test_a_start_before_what_was_recorded_last_is_a_step(world: World, machine: Machine) -> None:
    incident(world)
    known = world.clock.now()
    machine.is_set(hours=-10)
    keeper = machine.keeper()
    assert keeper.look() == Hours(world.clock.now(), known)
    machine.is_set(hours=12)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now()), "the clock was set right after the start"


def test_two_time_sources_that_agree_for_ten_minutes_settle_it(world: World, machine: Machine) -> None:
    machine.servers = [Server(world, "ntp-1"), Server(world, "ntp-2", off=timedelta(seconds=10))]
    keeper = machine.keeper()
    keeper.look()
    machine.is_set(hours=3)
    assert keeper.look().sure < world.clock.now()
    machine.servers[1].off = timedelta(hours=-3)
    for _ in range(12):
        machine.passes(minutes=1)
        assert keeper.look().sure < world.clock.now(), "they contradict each other"
    machine.servers[1].off = timedelta(0)
    for _ in range(10):
        machine.passes(minutes=1)
        assert keeper.look().sure < world.clock.now()
    machine.passes(minutes=1)
    assert keeper.look() == Hours(world.clock.now(), world.clock.now())
    assert facts(world, TimeConfirmed)[-1].sources == ("ntp-1", "ntp-2")


@pytest.mark.parametrize("servers", [[], ["one"]])
def test_one_time_source_settles_nothing(world: World, machine: Machine, servers: list[str]) -> None:
    machine.servers = [Server(world, name) for name in servers]
    keeper = machine.keeper()
    keeper.look()
    machine.is_set(hours=3)
    for _ in range(30):
        machine.passes(minutes=1)
        assert keeper.look().sure < world.clock.now()


def test_a_breach_of_a_wrong_clock_is_taken_back_by_two_and_a_true_one_never(world: World) -> None:
    incident(world)
    before = world.clock.now()
    world.clock.forward(days=5)
    clock = swept(world, Hours(world.clock.now(), world.clock.now()))["regulator-notice"]
    assert clock.breached_at is not None
    dispatch = world.container.dispatch
    wrong = CorrectBreach(clock_id=clock.id, reason="the clock of the machine was five days ahead")
    with pytest.raises(DecisionRefused, match="the breach stays"):
        dispatch(wrong, by=COMPLIANCE)
    world.clock.forward(seconds=(before - world.clock.now()).total_seconds())
    with pytest.raises(NotAllowed):
        dispatch(wrong, by=ANALYST)
    assert dispatch(wrong, by=COMPLIANCE).decided is False
    assert dispatch(wrong, by=COMPLIANCE).decided is False, "the same person does not count twice"
    assert world.container.decisions.load(Clock, clock.id).state == "breached"
    assert dispatch(wrong, by=CISO).decided is True
    assert world.container.decisions.load(Clock, clock.id).state == "running"
    names = [type(it).__name__ for it in world.container.decisions.of(clock.id)]
    assert "ClockBreached" in names and names[-1] == "ClockBreachCorrected", "both facts stay"
    world.clock.forward(days=5)
    again = swept(world, Hours(world.clock.now(), world.clock.now()))["regulator-notice"]
    assert again.state == "breached", "the term is watched again"


def test_two_persons_of_one_role_do_not_take_a_breach_back(world: World) -> None:
    incident(world)
    before = world.clock.now()
    world.clock.forward(days=5)
    clock = swept(world, Hours(world.clock.now(), world.clock.now()))["regulator-notice"]
    world.clock.forward(seconds=(before - world.clock.now()).total_seconds())
    wrong = CorrectBreach(clock_id=clock.id, reason="the clock of the machine was five days ahead")
    world.container.dispatch(wrong, by=COMPLIANCE)
    with pytest.raises(SecondPersonNeeded):
        world.container.dispatch(wrong, by=COMPLIANCE_2)


def test_everybody_sees_the_doubt_and_the_administrator_settles_it(world: World, machine: Machine) -> None:
    world.people()
    keeper = machine.keeper()
    incident(world)
    keeper.look()
    machine.is_set(days=5)
    keeper.look()
    with TestClient(create_app(world.container), base_url="http://localhost") as client:
        shown = {}
        for user in ("aigul", "gulnar"):
            token = world.container.accounts.sign_in(user, PASSWORD)
            shown[user] = client.get("/clocks", headers={"Cookie": f"{COOKIE}={token}"}).text
        assert all("The clock of the machine made a step" in text for text in shown.values())
        assert "The time is right" in shown["gulnar"] and "The time is right" not in shown["aigul"]


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """A real SNTP server on this machine, whose answers are changed by what stands in the list."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", 0))
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                asked, sender = link.recvfrom(512)
            except OSError:
                return
            head, stamp = answers[0], answers[1]
            origin = answers[2] if len(answers) > 2 else asked[40:48]
            link.sendto(head + bytes(22) + origin + bytes(8) + stamp, sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{link.getsockname()[1]}", answers
    link.close()


GOOD = bytes([0x24, 1])
STAMP = struct.pack("!II", 4_003_257_600, 1 << 31)


@pytest.mark.parametrize(
    ("head", "stamp", "origin", "answer"),
    [
        (GOOD, STAMP, b"", "2026-11-10T00:00:00.500000+00:00"),
        (GOOD, struct.pack("!II", 16, 0), b"", "2036-02-07T06:28:32+00:00"),
        (bytes([0xE4, 1]), STAMP, b"", None),
        (bytes([0x24, 0]), STAMP, b"", None),
        (bytes([0x24, 16]), STAMP, b"", None),
        (bytes([0x23, 1]), STAMP, b"", None),
        (GOOD, bytes(8), b"", None),
        (GOOD, STAMP, b"somebody", None),
    ],
    ids=["good", "after-2036", "unsynchronised", "kiss", "stratum-16", "no-server", "no-time", "not-our-question"],
)
def test_a_time_server_is_believed_only_with_an_answer_to_our_question(
    server: tuple[str, list[bytes]], head: bytes, stamp: bytes, origin: bytes, answer: str | None
) -> None:
    address, answers = server
    answers += [head, stamp, *([origin] if origin else [])]
    found = sntp.SntpServer(address).ask()
    assert (found.isoformat() if found else None) == answer


def test_a_time_server_that_is_not_there_has_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert sntp.SntpServer(f"127.0.0.1:{port}", timeout_s=0.2).ask() is None
