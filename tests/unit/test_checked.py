"""What people and programs hand in is checked where it becomes a value; the fault names the field, never the value."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from engine.governance.commands import RecordEvidence
from engine.governance.facts import Output
from engine.incidents.commands import AddNote, NameClientList
from engine.kernel.checked import checked, wrong
from engine.kernel.errors import InputError

DEEP: object = "x"
for _ in range(30):
    DEEP = [DEEP]


def test_what_fits_is_the_value() -> None:
    made = checked(Output, text="train the cashiers", owner="bolat", due_on=date(2026, 12, 1))
    assert (made.text, made.owner) == ("train the cashiers", "bolat")


def test_the_first_field_that_does_not_fit_is_named_without_its_value() -> None:
    with pytest.raises(InputError) as refused:
        checked(Output, text="x" * 40, owner="bolat", due_on="secret-words")
    assert refused.value.field == "due_on"
    assert "secret-words" not in str(refused.value)


def test_a_missing_field_is_said_in_words_that_are_translated() -> None:
    with pytest.raises(InputError) as refused:
        checked(Output, owner="bolat", due_on=date(2026, 12, 1))
    assert (refused.value.message, refused.value.field) == ("field 'text': Field required", "text")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("half \ud83d", "half of a surrogate pair"),
        (DEEP, "nested at most"),
        ({"a": DEEP}, "nested at most"),
    ],
)
def test_a_command_takes_no_text_that_cannot_be_written(text: object, why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AddNote.model_validate({"incident_id": "i", "text": text})
    assert why in wrong(refused.value).message


@pytest.mark.parametrize("day", ["1875-01-01", "2950-01-01"])
def test_a_command_takes_no_day_that_cannot_be_counted(day: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RecordEvidence.model_validate({"obligation": "isms-sod", "text": "s", "valid_until": day})
    assert "a day lies between" in str(refused.value)


def test_documents_are_written_in_base64() -> None:
    body = {"incident_id": "i", "reason": "r", "document": {"data": "YywtMQ==", "name": "l", "media_type": "text/csv"}}
    assert NameClientList.model_validate(body).document.data == b"c,-1"
    body["document"] = {"data": "no base64!", "name": "l", "media_type": "text/csv"}
    with pytest.raises(ValidationError, match="base64"):
        NameClientList.model_validate(body)
