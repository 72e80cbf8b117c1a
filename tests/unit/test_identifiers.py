"""IIN, phone, IBAN and MRZ: vectors of the domain notes (section 5) and what must not pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.identifiers import IIN, IbanKz, Mrz, Phone, iin_check_digit, mrz_check_digit
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


def test_an_iin_of_an_unknown_century_is_kept_with_a_warning() -> None:
    text = "850101900" + "00"
    text += str(iin_check_digit(text))
    found = IIN.parse(text)
    assert (found.born, found.sex, found.warning) == (None, None, "iin-century")


@pytest.mark.parametrize(("seventh", "born", "sex"), [("1", 1885, "m"), ("4", 1985, "f"), ("6", 2085, "f")])
def test_the_seventh_digit_gives_century_and_sex(seventh: str, born: int, sex: str) -> None:
    head = next(f"850101{seventh}{n:04d}" for n in range(1, 50) if iin_check_digit(f"850101{seventh}{n:04d}"))
    found = IIN.parse(head + str(iin_check_digit(head)))
    assert found.born is not None
    assert (found.born.year, found.sex) == (born, sex)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "phone-shape"), ("701", "phone-shape"), ("+7701123456٧", "phone-shape"),
        ("+49 30 1234567", "phone-country"), ("+88011234567", "phone-country"), ("87011", "phone-shape"),
        ("+74951234567", "phone-country"), ("770112345678", "phone-country"),
    ],
)  # fmt: skip
def test_a_number_that_is_not_of_kazakhstan_is_refused(text: object, code: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        Phone.parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "mobile", "warning"),
    [("+77011234567", True, None), ("+77172123456", False, None), ("+77991234567", False, "phone-plan")],
)
def test_only_a_mobile_number_can_be_a_login(text: str, mobile: bool, warning: str | None) -> None:
    found = Phone.parse(text)
    assert (found.mobile, found.warning) == (mobile, warning)


def test_what_is_shown_of_an_identifier_does_not_give_it_away() -> None:
    assert Phone.parse("+77011234567").masked() == "+7701•••••67"
    assert IbanKz.parse("KZ86125KZT5004100100").masked() == "KZ••0100"


@pytest.mark.parametrize("text", [None, 7, "DE89370400440532013000", "KZ8612", "KZ86125KZT500410010!"])
def test_an_account_of_another_shape_is_none_of_ours(text: object) -> None:
    with pytest.raises(IdentifierError) as caught:
        IbanKz.parse(text)
    assert caught.value.code == "iban-shape"


TD1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
TD2 = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"]


@pytest.mark.parametrize(("lines", "kind"), [(TD1, "TD1"), (TD2, "TD2")])
def test_the_icao_specimens_of_cards(lines: list[str], kind: str) -> None:
    found = Mrz.parse(lines)
    assert (found.format, found.country, found.number, found.born, found.sex) == (
        kind, "UTO", "D23145890", "740812", "F"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (7, "mrz-shape"), (["a<b"], "mrz-shape"), (["A<"], "mrz-shape"), ([7], "mrz-shape"),
        ([TD1[0], TD1[1].replace("7408122", "7408123"), TD1[2]], "mrz-birth"),
        ([TD1[0], TD1[1].replace("1204159", "1204158"), TD1[2]], "mrz-expiry"),
        ([TD1[0], TD1[1][:-1] + "7", TD1[2]], "mrz-composite"),
        ([TD2[0], TD2[1][:-1] + "7"], "mrz-composite"),
    ],
)  # fmt: skip
def test_a_zone_names_the_first_check_that_fails(lines: object, code: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        Mrz.parse(lines)
    assert caught.value.code == code


def test_a_passport_without_a_personal_number_may_leave_its_check_digit_out() -> None:
    one = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    two = "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<<"
    composite = mrz_check_digit(two[0:10] + two[13:20] + two[21:43])
    assert Mrz.parse([one, two + composite]).number == "L898902C3"
