"""IIN, phone, IBAN and MRZ: vectors of the domain notes (section 5) and what must not pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.identifiers import IIN, IbanKz, Mrz, Phone, iin_check_digit
from engine.kernel.errors import IdentifierError


def test_a_valid_iin() -> None:
    iin = IIN.parse("850101300005")
    assert iin.born is not None
    assert (iin.born.isoformat(), iin.sex, iin.masked()) == ("1985-01-01", "m", "••••••••0005")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("850101300006", "iin-check-digit"),
        ("851301300005", "iin-date"),
        ("85010130000", "iin-shape"),
        ("٨٥٠١٠١٣٠٠٠٠٥", "iin-shape"),
        (850101300005, "iin-shape"),
    ],
)
def test_a_bad_iin_is_named_by_its_fault_and_never_repeated(text: object, code: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        IIN.parse(text)
    assert caught.value.code == code
    assert str(text) not in str(caught.value)


@given(st.integers(0, 10**11 - 1))
def test_one_changed_digit_never_keeps_the_check_digit_of_the_first_weights(number: int) -> None:
    head = f"{number:011d}"
    digit = iin_check_digit(head)
    assert digit is None or (len(digit) == 1 and digit.isdigit())


@pytest.mark.parametrize("text", ["+77011234567", "87011234567", "8 (701) 123-45-67", "8-701-123-45-67"])
def test_a_phone_in_its_common_spellings(text: str) -> None:
    assert Phone.parse(text).e164 == "+77011234567"


def test_an_iban_of_kazakhstan() -> None:
    assert IbanKz.parse("KZ86125KZT5004100100").value == "KZ86125KZT5004100100"
    with pytest.raises(IdentifierError):
        IbanKz.parse("KZ87125KZT5004100100")


def test_a_passport_mrz_of_the_icao_specimen() -> None:
    lines = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
    Mrz.parse(lines)
    with pytest.raises(IdentifierError):
        Mrz.parse(lines.replace("L898902C36", "L898902C37"))
