"""Reasons that the engine writes are said in the language of the reader; what people wrote stays."""

from __future__ import annotations

import pytest

from reports.messages import speak
from reports.phrases import why
from reports.said.reasons import channel

SAID = [
    ("closed as false_positive: a test run", "закрыт как: Ложное срабатывание; a test run"),
    ("merged into INC-2026-0001, which owes the duty", "объединён с INC-2026-0001, обязанность перешла туда"),
    ("INC-2026-0002 was merged into this incident and is not contained",
     "INC-2026-0002 объединён с этим инцидентом и не локализован"),
    ("the client called twice", "the client called twice"),
]  # fmt: skip


@pytest.mark.parametrize(("recorded", "said"), SAID)
def test_our_reasons_are_translated_and_those_of_people_stay(recorded: str, said: str) -> None:
    with speak("ru"):
        assert why(recorded) == said
    with speak("en"):
        assert why(recorded) == recorded


def test_the_way_that_a_person_named_stays() -> None:
    with speak("ru"):
        assert channel("by hand: курьер") == "вручную: курьер"
        assert channel("smtp") == "smtp"
