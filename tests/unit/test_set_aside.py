"""What of a body is set aside: the first lines one by one, the rest together, and none of them lost."""

from __future__ import annotations

import pytest

from engine.events.envelope import Rejected, TooManyLines, split_batch
from engine.events.set_aside import TOGETHER, SetAside, lines_of, untried
from infra.inbound.quotas import Quotas


def rejected(line: int, raw: bytes, code: str = "not-json") -> Rejected:
    return Rejected(line, code, "why", raw, None, "portal")


def test_few_lines_stay_as_they_are() -> None:
    aside = SetAside("portal", kept=3)
    few = [rejected(n, b"x") for n in (1, 2, 3)]
    aside.add(few)
    assert aside.letters() == tuple(few)


def test_further_lines_are_kept_together_to_the_byte() -> None:
    aside = SetAside("portal", kept=2)
    raws = [b"x", b"", b"two\nlines", b"\xff\x00", b'{"a": 1}']
    aside.add(rejected(n, raw, "not-json" if n < 5 else "missing-field") for n, raw in enumerate(raws, 1))
    *first, rest = aside.letters()
    assert [it.raw for it in first] == raws[:2]
    assert (rest.line, rest.code, rest.lines, rest.source) == (3, TOGETHER, 3, "portal")
    assert rest.reason == "3 more lines of this body (missing-field: 1, not-json: 2)"
    assert list(lines_of(rest.code, rest.raw)) == [(3, raws[2]), (4, raws[3]), (5, raws[4])]
    assert aside.lines == 5


def test_a_whole_body_is_kept_as_it_is() -> None:
    letter = untried(b"a\nb", "why", "portal", 2)
    assert list(lines_of(letter.code, letter.raw)) == [(1, b"a\nb")]


def test_packed_lines_that_were_changed_are_said_so() -> None:
    with pytest.raises(ValueError, match="packed"):
        list(lines_of(TOGETHER, b"nothing packed"))


@pytest.mark.parametrize("body", [b"x\n" * 11, b"\n" * 11, b"[" + b"1," * 11 + b"1]"])
def test_a_body_of_too_many_lines_is_not_split(body: bytes) -> None:
    with pytest.raises(TooManyLines):
        list(split_batch(body, 10))


def test_a_body_of_as_many_lines_as_allowed_is_split() -> None:
    assert len(list(split_batch(b"x\n" * 10, 10))) == 10


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_is_used_up_and_fills_again() -> None:
    seconds = Seconds()
    quotas = Quotas(600, 60, seconds)
    quotas.lines("portal", 500)
    assert quotas.wait("portal") == 0
    quotas.lines("portal", 200)
    assert quotas.wait("portal") == 10, "100 lines too many, of which ten a second are forgiven"
    assert quotas.wait("registry") == 0, "another source has its own"
    seconds.now += 10.5
    assert quotas.wait("portal") == 0


def test_bad_lines_have_a_quota_of_their_own() -> None:
    quotas = Quotas(600, 60, Seconds())
    quotas.bad("portal", 90)
    assert quotas.wait("portal") == 30
