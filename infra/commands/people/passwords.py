"""Passwords: how they are hashed, and which are refused because everybody would guess them."""

from __future__ import annotations

from argon2 import PasswordHasher

from engine.kernel.errors import InputError

MIN_PASSWORD = 10
MOST_LOOKED_AT = 72
"""Characters that are judged; longer ones are judged by their beginning, for judging takes longer with each."""
LEAST_SCORE = 2
"""Of zxcvbn's 0 to 4: more than a million guesses."""

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id with parameters of OWASP ASVS 5.0, appendix C.4: a third of the time of RFC 9106's second choice, on one
core, so that a sign-in delays nobody else's page."""


def check_password(password: str, *about: str) -> None:
    """Raise InputError for a password that is too short or easily guessed; ``about`` are words that the one who
    guesses knows: the account's and its owner's name."""
    if len(password) < MIN_PASSWORD:
        raise InputError(
            "a password has at least {min_password} characters", field="password", min_password=MIN_PASSWORD
        )
    from zxcvbn import zxcvbn  # its lists of words are not loaded for other commands

    if zxcvbn(password[:MOST_LOOKED_AT], user_inputs=[it for it in about if it])["score"] < LEAST_SCORE:
        raise InputError(
            "this password is easily guessed; take several words that do not go together", field="password"
        )
