"""Codes of a second factor: which step of time a code belongs to (RFC 6238), and how recovery codes are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from hmac import compare_digest

STEP_S = 30
"""Seconds for which a code stands (RFC 6238, 5.2)."""
SKEW = 1
"""Steps by which the clock of a telephone may differ, on both sides."""
RECOVERY_CODES = 10
"""How many a person is given."""
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters of recovery codes: none that is taken for another one."""
RECOVERY_LETTERS = 16
"""80 bits: nobody guesses one, and they are kept under a keyed hash."""


def step_of(at: datetime) -> int:
    """Return the number of the step of time that an instant lies in."""
    return int(at.timestamp()) // STEP_S


def matching_step(code: str, at: datetime, code_at: Callable[[int], str]) -> int | None:
    """Return the step that a code belongs to among those that are taken now, None for a code of none of them.

    Every step is compared, each in constant time, so that the time taken tells nothing.
    """
    found: int | None = None
    for step in range(step_of(at) - SKEW, step_of(at) + SKEW + 1):
        if compare_digest(code_at(step).encode(), code.encode()):
            found = step
    return found


def plain(given: str) -> str:
    """Return a code without the spaces and dashes that people type."""
    return "".join(it for it in given if it not in " -\u00a0\t").upper()


def is_of_time(code: str) -> bool:
    """Say whether a plain code looks like one of an authenticator."""
    return len(code) == 6 and code.isascii() and code.isdigit()


def recovery_codes(letter: Callable[[str], str]) -> Iterator[str]:
    """Make the recovery codes of a person; ``letter`` takes one of an alphabet by chance."""
    for _ in range(RECOVERY_CODES):
        made = "".join(letter(ALPHABET) for _ in range(RECOVERY_LETTERS))
        yield "-".join(made[at : at + 4] for at in range(0, RECOVERY_LETTERS, 4))
