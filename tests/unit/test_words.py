"""Who vouches for something says what; a dot or a nod is nobody's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.errors import DecisionRefused
from engine.kernel.words import is_reference, need_own_words, own_words

NOTHING = (
    "", " ", ".", "...", "-", "—", "ok", "OK!", "ок", "no", "yes", "да", "нет", "иә", "жоқ", "Okay.", "ладно",
    "n/a", "none", "test", "тест", "aaaa", "1234", "12.03.2026",
    "?!", "жарайды", "x y z", "\u200b\u200b\u200b\u200b",
)  # fmt: skip
SOMETHING = (
    "asked them", "the act", "the account is blocked", "позвонил следователю, подтвердил", "банк жауап берді",
    "INC-4: session ended",
    "done by the administrator",
)  # fmt: skip


@pytest.mark.parametrize("text", NOTHING)
def test_it_says_nothing(text: str) -> None:
    assert not own_words(text)
    with pytest.raises(DecisionRefused):
        need_own_words(text)


@pytest.mark.parametrize("text", SOMETHING)
def test_it_says_something(text: str) -> None:
    assert own_words(text)
    need_own_words(text)


@given(st.text(alphabet=st.characters(blacklist_categories=("L", "N", "M"))))
def test_without_a_letter_nothing_is_said(text: str) -> None:
    assert not own_words(text)
    assert not is_reference(text)


@pytest.mark.parametrize("text", ("", "-", ".", "0", "00", "null", "None", "n/a", "нет", "xxx", "N/A"))
def test_it_is_no_reference(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize("text", ("17", "7", "R-1", "исх. 12-04", "250 2.0.0", "c1f0"))
def test_it_is_a_reference(text: str) -> None:
    assert is_reference(text)
