"""Second factors and tokens over PostgreSQL: taken once there too, by many at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.kernel.errors import SecondFactorWrong
from tests.integration.test_second_factor import enrolled
from tests.stores import postgres_url
from tests.support import ANALYST, PASSWORD, World

pytestmark = pytest.mark.services


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data", database=postgres_url()).people()
    yield made
    made.container.close()


def test_a_sign_in_with_a_code_a_recovery_code_and_a_token(world: World) -> None:
    accounts = world.container.accounts
    phone, codes = enrolled(world)
    code = phone.code()

    def shown(given: str) -> bool:
        try:
            accounts.second.check("bolat", given)
        except SecondFactorWrong:
            return False
        return True

    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(shown, [code] * 4)) == 1
        assert sum(many.map(shown, [codes[0]] * 4)) == 1
    accounts.let_try("bolat", actor="root")
    token = accounts.finish(accounts.enter("bolat", PASSWORD).step, phone.code()).token
    session = accounts.session(token)
    assert session is not None and not session.person.unproven
    world.clock.forward(minutes=16)
    late = accounts.session(token)
    assert late is not None and late.person.unproven
    renewed = accounts.prove(token or "", codes[1])
    proven = accounts.session(renewed)
    assert proven is not None and not proven.person.unproven and accounts.session(token) is None
    shown_once = accounts.tokens.make(ANALYST, "a script", ["read"], 3)
    assert accounts.by_token(shown_once) is not None
    bound = accounts.new_source("portal", days=3, networks=["10.0.0.0/8"])
    assert accounts.source(bound, "10.1.1.1") is not None and accounts.source(bound, "8.8.8.8") is None
    accounts.uses.close()
    assert all(it.used_at for it in accounts.tokens.of("aigul"))
    accounts.tokens.revoke("aigul", accounts.tokens.of("aigul")[0].id, actor="root")
    accounts.reset_second("bolat", actor="root", reason="lost")
    assert accounts.by_token(shown_once) is None and not accounts.second.held("bolat")
    assert accounts.told("bolat") == "root" and accounts.told("bolat") == ""
