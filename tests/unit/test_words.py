"""Who vouches for something says what; a dot or a nod is nobody's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.errors import DecisionRefused
from engine.kernel.words import is_reference, need_done_words, need_own_words, own_words

NOTHING = (
    "", " ", ".", "...", "-", "—", "ok", "OK!", "ок", "no", "yes", "да", "нет", "иә", "жоқ", "Okay.", "ладно",
    "n/a", "none", "aaaa", "1234", "12.03.2026",
    "?!", "жарайды", "x y z", "\u200b\u200b\u200b\u200b",
)  # fmt: skip
SOMETHING = (
    "asked them", "a test", "the act", "the account is blocked", "позвонил следователю, подтвердил", "банк жауап берді",
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


@pytest.mark.parametrize("text", (
    "they refused", "not done yet", "не устранено", "will do tomorrow", "не проверял", "не отправлено", "pending",
    "будет завтра", "орындалмады", "none here", "не проводилось", "there is none",
    "олар бас тартты",
))  # fmt: skip
def test_it_denies_or_postpones(text: str) -> None:
    with pytest.raises(DecisionRefused):
        need_done_words(text)


@pytest.mark.parametrize("text", (
    "the administrator blocked the account", "учётная запись заблокирована в 14:05",
    "заблокирован, войти больше не может ни с одного устройства", "әкімші бұғаттады",
    "бас бухгалтер растады", "the failed disk was replaced",
))  # fmt: skip
def test_it_says_what_was_done(text: str) -> None:
    need_done_words(text)


@pytest.mark.parametrize("text", ("pending", "отказано", "rejected", "в очереди"))
def test_an_outcome_is_no_reference(text: str) -> None:
    assert not is_reference(text)
