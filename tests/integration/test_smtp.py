"""Notices over SMTP to a real server process: taken, refused, tried again, and in doubt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.errors import DataError, DecisionRefused
from engine.notices.notice import Notice
from infra.outbound.mail import Smtp
from infra.store.models.duties import NoticeRow
from infra.store.models.effects import EffectRow
from tests.support import CISO, COMPLIANCE, World

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("smtp")
    script = str(Path(__file__).parent / "smtp_server.py")
    with subprocess.Popen([sys.executable, script, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), folder
        process.kill()


def approved(tmp_path: Path, server: tuple[int, Path], recipient: str) -> tuple[World, str]:
    world = World(
        tmp_path / "data", smtp_host="127.0.0.1", smtp_port=server[0], smtp_tls="none", regulator_mail=recipient
    ).people()
    world.count = 1000 * len(list(server[1].iterdir()))  # ids are derived: another event gives another notice
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    notice = world.notices(world.incidents()[0]["id"])["regulator"]["id"]
    world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
    world.work()
    return world, notice


def copies(server: tuple[int, Path], notice: str) -> int:
    """How many messages with the id of this notice the server took."""
    return sum(f"<{notice}@localhost>".encode() in mail.read_bytes() for mail in server[1].iterdir())


def state(world: World) -> tuple[str, str]:
    incident = world.incidents()[0]["id"]
    return world.notices(incident)["regulator"]["state"], world.clocks(incident)["regulator-notice"]["state"]


def test_a_taken_notice_satisfies_the_clock(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, notice = approved(tmp_path, server, "agency@example.kz")
    assert state(world) == ("sent", "satisfied")
    assert copies(server, notice) == 1


@pytest.mark.parametrize("recipient", ["refuse@example.kz", "bad@example.kz"])
def test_a_refused_notice_leaves_the_clock_running(tmp_path: Path, server: tuple[int, Path], recipient: str) -> None:
    world, _ = approved(tmp_path, server, recipient)
    assert state(world) == ("refused", "running")


def test_a_passing_refusal_is_tried_again(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, _ = approved(tmp_path, server, "later@example.kz")
    assert state(world) == ("approved", "running")
    world.clock.forward(minutes=10)
    world.work()
    row = world.held(EffectRow, kind="mail")[0]
    assert (row.state, row.attempts) == ("waiting", 2)


def test_a_connection_lost_after_the_data_is_unknown_and_a_person_decides(
    tmp_path: Path, server: tuple[int, Path]
) -> None:
    world, notice = approved(tmp_path, server, "lost@example.kz")
    assert state(world) == ("unknown", "running")
    assert copies(server, notice) == 1, "the server had taken it"
    world.clock.forward(hours=1)
    world.work()
    assert copies(server, notice) == 1, "it is never sent a second time by itself"
    with pytest.raises(DecisionRefused, match="own words"):
        world.container.acts.settle_notice(notice, True, "", by=COMPLIANCE)
    world.container.acts.settle_notice(notice, True, "they confirmed by telephone, entry 881", by=COMPLIANCE)
    world.work()
    assert state(world) == ("unknown", "running"), "one person's word ends no term"
    world.container.acts.settle_notice(notice, True, "their clerk showed the entry", by=CISO)
    world.work()
    assert state(world) == ("sent", "satisfied")


def test_a_greylisted_notice_is_taken_at_the_next_try(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, notice = approved(tmp_path, server, f"grey@{tmp_path.name.replace('_', '-')}.example.kz")
    assert state(world) == ("approved", "running")
    world.clock.forward(minutes=16)
    world.work()
    assert state(world) == ("sent", "satisfied")
    assert copies(server, notice) == 1


def test_a_connection_lost_before_the_data_is_tried_again_not_doubted(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, notice = approved(tmp_path, server, "early@example.kz")
    assert state(world) == ("approved", "running")
    assert copies(server, notice) == 0


def test_a_server_too_slow_to_answer_leaves_a_doubt(
    tmp_path: Path, server: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Smtp.__init__
    monkeypatch.setattr(Smtp, "__init__", lambda self, settings, timeout_s=2.0: real(self, settings, timeout_s))
    world, notice = approved(tmp_path, server, "slow@example.kz")
    assert state(world) == ("unknown", "running")
    assert copies(server, notice) == 1, "it had been taken"


def test_one_of_several_recipients_is_refused_and_the_others_have_it(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, notice = approved(tmp_path, server, "one@example.kz, refuse@example.kz, two@example.kz")
    states = {d.recipient: d.state for d in world.container.decisions.load(Notice, notice).deliveries.values()}
    assert states == {"one@example.kz": "sent", "refuse@example.kz": "refused", "two@example.kz": "sent"}
    assert state(world) == ("refused", "running")


def start_server(folder: Path, port: int) -> tuple[subprocess.Popen[str], int]:
    script = str(Path(__file__).parent / "smtp_server.py")
    process = subprocess.Popen([sys.executable, script, str(folder), str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_server_that_is_restarted_gets_every_notice_once(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    process, port = start_server(folder, 0)
    world = World(
        tmp_path / "data", smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none", regulator_mail="a@example.kz"
    ).people()
    ids = []
    for number in range(6):
        world.feed(
            world.event("portal.profile.change_applied", mfo__client__id=f"c-{number}", mfo__change__field="iin")
        )
    ids = [row.id for row in world.held(NoticeRow, kind="regulator")]
    for number, notice in enumerate(ids):
        if number == 2:
            process.kill()
            process.wait()
        if number == 4:
            process, _ = start_server(folder, port)
        world.container.acts.approve_notice(notice, None, by=COMPLIANCE)
        world.work()
    for _ in range(5):
        world.clock.forward(minutes=10)
        world.work()
    process.kill()
    process.wait()
    assert {row.state for row in world.held(NoticeRow, kind="regulator")} == {"sent"}
    taken = [mail.read_bytes() for mail in folder.iterdir()]
    for notice in ids:
        assert sum(f"<{notice}@localhost>".encode() in mail for mail in taken) == 1


def test_mail_without_tls_goes_to_this_machine_only(tmp_path: Path) -> None:
    from infra.settings.settings import load_settings

    with pytest.raises(DataError, match="TLS"):
        load_settings(data=tmp_path, smtp_host="mail.example.kz", smtp_tls="none")


def test_a_server_that_offers_no_tls_gets_nothing(tmp_path: Path, server: tuple[int, Path]) -> None:
    before = len(list(server[1].iterdir()))
    world = World(
        tmp_path / "data", smtp_host="127.0.0.1", smtp_port=server[0], smtp_tls="starttls",
        regulator_mail="agency@example.kz",
    ).people()  # fmt: skip
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    world.container.acts.approve_notice(
        world.notices(world.incidents()[0]["id"])["regulator"]["id"], None, by=COMPLIANCE
    )
    world.work()
    assert state(world) == ("approved", "running")
    assert len(list(server[1].iterdir())) == before


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    world, _ = approved(tmp_path, (9, tmp_path), "agency@example.kz")
    assert state(world) == ("approved", "running")


def test_a_stop_while_sending_is_unknown_after_the_restart(tmp_path: Path, server: tuple[int, Path]) -> None:
    world, _ = approved(tmp_path, (9, tmp_path), "agency@example.kz")
    with world.container.database.write() as cursor:
        cursor.execute("UPDATE outbox SET state = 'performing' WHERE kind = 'mail'")
    again = world.restart()
    again.work()
    assert state(again) == ("unknown", "running")
    again.container.close()
