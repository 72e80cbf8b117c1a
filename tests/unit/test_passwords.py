"""What it costs to guess a password."""

from __future__ import annotations

from argon2 import PasswordHasher

from tests.conftest import REAL_HASHER
from tests.support import World

OLD = PasswordHasher(time_cost=3, memory_cost=64, parallelism=1)
"""Parameters that are not today's, and cost a test nothing."""


def test_passwords_are_hashed_as_owasp_asks() -> None:
    assert REAL_HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_of_other_parameters_is_made_anew_when_its_owner_signs_in(world: World) -> None:
    world.container.accounts.add("own", "Own", ("soc_analyst",), "correct horse battery", actor="test")
    stored = OLD.hash("correct horse battery")
    with world.container.database.write() as cursor:
        cursor.execute("UPDATE users SET password_hash = ? WHERE id = 'own'", (stored,))

    assert world.container.accounts.sign_in("own", "wrong horse battery") is None
    assert (
        world.container.database.rows("SELECT password_hash FROM users WHERE id = 'own'")[0]["password_hash"] == stored
    )
    assert world.container.accounts.sign_in("own", "correct horse battery") is not None

    anew = world.container.database.rows("SELECT password_hash FROM users WHERE id = 'own'")[0]["password_hash"]
    assert not world.container.accounts.hasher.check_needs_rehash(anew)
    assert world.container.accounts.sign_in("own", "correct horse battery") is not None
