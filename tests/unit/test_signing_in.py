"""Signing in: how tries are counted, what a stranger can and cannot do, what ends sessions, what is recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.accounts.attempts import LIMITS, Kind, Tries, counted, waits_until
from engine.accounts.facts import SignedIn, SignInFailed
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from infra.commands.people.passwords import check_password
from infra.read.sign_ins import sign_ins
from tests.support import PASSWORD, World

OFFICE, STRANGER = "10.0.0.7", "203.0.113.9"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def wrong(world: World, times: int, address: str = STRANGER) -> None:
    for _ in range(times):
        assert world.container.accounts.enter("bolat", "wrong password!", address=address).token is None


def test_after_five_wrong_tries_the_right_password_waits_too_and_then_is_taken(world: World) -> None:
    wrong(world, 5)
    waits = world.container.accounts.enter("bolat", PASSWORD, address=STRANGER)
    assert waits.token is None and waits.waits_until == world.clock.now() + timedelta(seconds=30)
    world.clock.forward(seconds=31)
    assert world.container.accounts.enter("bolat", PASSWORD, address=STRANGER).token is not None


def test_a_stranger_keeps_out_himself_and_not_the_officer(world: World) -> None:
    wrong(world, 5)
    assert world.container.accounts.enter("bolat", PASSWORD, address=STRANGER).token is None
    assert world.container.accounts.enter("bolat", PASSWORD, address=OFFICE).token is not None


def test_many_strangers_at_one_account_slow_down_each_other_and_do_not_keep_out_its_owner(world: World) -> None:
    known = world.container.accounts.enter("bolat", PASSWORD, address=OFFICE).browser
    for number in range(100):
        wrong(world, 1, f"198.51.100.{number}")
    assert world.container.accounts.enter("bolat", PASSWORD, address="198.51.100.3").waits_until is not None
    assert world.container.accounts.enter("bolat", PASSWORD, address="10.0.0.8").token is not None, (
        "no failure of its own"
    )
    assert world.container.accounts.enter("bolat", PASSWORD, address="198.51.100.4", browser=known).token is not None


def test_the_browser_of_one_person_is_a_stranger_to_the_account_of_another(world: World) -> None:
    known = world.container.accounts.enter("bolat", PASSWORD, address=OFFICE).browser
    for _ in range(5):
        assert world.container.accounts.enter("gulnar", "wrong password!", address=OFFICE, browser=known).token is None
    assert world.container.accounts.enter("gulnar", PASSWORD, address=OFFICE, browser=known).waits_until is not None


def test_wrong_tries_at_the_same_time_are_as_many_as_one_after_the_other(world: World) -> None:
    with ThreadPoolExecutor(24) as many:
        found = list(
            many.map(lambda n: world.container.accounts.enter("bolat", f"wrong {n}", address=STRANGER), range(24))
        )
    assert all(it.token is None for it in found)
    failed = [it for it in world.container.decisions.read(0, 500) if isinstance(it.fact, SignInFailed)]
    assert len(failed) == 5, "the others were not looked at"
    assert world.container.accounts.enter("bolat", PASSWORD, address=STRANGER).token is None


def test_guessing_one_password_at_many_accounts_is_slowed_down_by_its_address(world: World) -> None:
    for number in range(30):
        world.container.accounts.enter(f"nobody-{number}", "Summer in Almaty", address=STRANGER)
    assert world.container.accounts.enter("bolat", PASSWORD, address=STRANGER).waits_until is not None


def test_an_administrator_lets_an_account_try_again(world: World) -> None:
    wrong(world, 5)
    world.container.accounts.let_try("bolat", actor="root")
    assert world.container.accounts.enter("bolat", PASSWORD, address=STRANGER).token is not None
    with pytest.raises(NotFound):
        world.container.accounts.let_try("nobody", actor="root")


@given(st.sampled_from(sorted(LIMITS)), st.lists(st.timedeltas(timedelta(0), timedelta(hours=2)), max_size=60))
def test_a_wait_never_shrinks_within_a_series_and_never_exceeds_the_most(kind: Kind, pauses: list[timedelta]) -> None:
    tries: Tries | None = None
    now, before = NOON, timedelta(0)
    for pause in pauses:
        now += pause
        fresh = tries is None or now - tries.at > LIMITS[kind].forgotten_after
        tries = counted(kind, tries, now)
        until = waits_until(kind, tries)
        wait = until - now if until else timedelta(0)
        assert wait <= LIMITS[kind].most
        assert fresh or wait >= before
        assert (until is None) == (tries.failures < LIMITS[kind].free)
        before = wait


def test_every_outcome_is_recorded_and_no_word_that_was_typed(world: World) -> None:
    accounts = world.container.accounts
    accounts.enter("my-secret-instead-of-a-name", PASSWORD, address=STRANGER)
    wrong(world, 1)
    token = accounts.enter("bolat", PASSWORD, address=OFFICE).token
    assert token is not None
    accounts.sign_out(token)
    accounts.set_active("bolat", False, actor="root")
    accounts.enter("bolat", PASSWORD, address=OFFICE)
    lines = [(it.user_id, it.address, it.what, it.actor) for it in sign_ins(world.container.decisions)][:6]
    assert lines == [
        ("bolat", OFFICE, "refused: the account is disabled", "qorgau"),
        ("bolat", "", "the account was disabled", "root"),
        ("bolat", "", "sessions ended: 1", "bolat"),
        ("bolat", OFFICE, "signed in", "bolat"),
        ("bolat", STRANGER, "refused: wrong password", "qorgau"),
        ("", STRANGER, "refused: there is no such account", "qorgau"),
    ]
    rows = world.container.database.rows("SELECT state FROM decisions")
    assert not any(b"my-secret" in bytes(row["state"]) for row in rows)
    assert not any(
        "my-secret" in str(dict(row)) for row in world.container.database.rows("SELECT * FROM sign_in_tries")
    )


def test_a_disabled_account_is_out_at_once_and_comes_back(world: World) -> None:
    accounts = world.container.accounts
    token = accounts.enter("bolat", PASSWORD).token
    accounts.set_active("bolat", False, actor="root")
    assert accounts.session(token) is None
    assert "bolat" not in {it.id for it in accounts.people()} and [it.id for it in accounts.disabled()] == ["bolat"]
    assert accounts.enter("bolat", PASSWORD).token is None
    accounts.set_active("bolat", True, actor="root")
    assert accounts.enter("bolat", PASSWORD).token is not None


def test_an_own_new_password_ends_every_other_session_and_the_calendar_address(world: World) -> None:
    accounts = world.container.accounts
    here, there = accounts.enter("bolat", PASSWORD).token, accounts.enter("bolat", PASSWORD).token
    assert here and there
    session = accounts.session(here)
    assert session is not None
    feed = accounts.new_feed(session.person)
    with pytest.raises(DecisionRefused):
        accounts.change_password("bolat", "not the old one", "three blue horses", keep=here)
    with pytest.raises(InputError):
        accounts.change_password("bolat", PASSWORD, "password1234", keep=here)
    accounts.change_password("bolat", PASSWORD, "three blue horses", keep=here)
    assert accounts.session(here) is not None and accounts.session(there) is None
    assert accounts.feed_owner(feed) is None
    assert accounts.enter("bolat", PASSWORD).token is None
    assert accounts.enter("bolat", "three blue horses").token is not None


def test_the_old_password_cannot_be_guessed_in_an_open_session(world: World) -> None:
    for _ in range(5):
        with pytest.raises(DecisionRefused):
            world.container.accounts.change_password("bolat", "a guess at it", "three blue horses")
    with pytest.raises(DecisionRefused):
        world.container.accounts.change_password("bolat", PASSWORD, "three blue horses")


@pytest.mark.parametrize(
    "password", ["aaaaaaaaaa", "qwertyuiop", "password12", "1234567890", "Qwerty123456", "bolat-2026", "short"]
)
def test_a_password_that_everybody_guesses_is_refused(password: str) -> None:
    with pytest.raises(InputError):
        check_password(password, "bolat-2026", "Bolat")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "three blue horses", "көк аттар жүгіреді", "wK3-yTq9_pLm"]
)
def test_a_password_of_several_words_is_taken(password: str) -> None:
    check_password(password, "bolat", "Bolat")


def test_what_a_page_asks_by_itself_does_not_keep_a_session_alive(world: World) -> None:
    accounts, idle = world.container.accounts, world.container.settings.session_minutes
    by_itself, by_hand = accounts.enter("bolat", PASSWORD).token, accounts.enter("bolat", PASSWORD).token
    for _ in range(3):
        world.clock.forward(minutes=idle - 2)
        accounts.session(by_itself, acting=False)
        assert accounts.session(by_hand) is not None
    assert accounts.session(by_itself) is None


def test_signing_in_is_recorded_with_the_address(world: World) -> None:
    world.container.accounts.enter("bolat", PASSWORD, address=OFFICE)
    last = [it.fact for it in world.container.decisions.read(0, 500) if isinstance(it.fact, SignedIn)][-1]
    assert (last.user_id, last.address) == ("bolat", OFFICE)
