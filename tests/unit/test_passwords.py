"""What it costs to guess a password."""

from __future__ import annotations

from argon2.profiles import RFC_9106_LOW_MEMORY

from tests.conftest import REAL_HASHER


def test_passwords_are_hashed_as_rfc_9106_asks() -> None:
    assert REAL_HASHER.hash("correct horse").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (REAL_HASHER.memory_cost, REAL_HASHER.time_cost) == (
        RFC_9106_LOW_MEMORY.memory_cost,
        RFC_9106_LOW_MEMORY.time_cost,
    )
