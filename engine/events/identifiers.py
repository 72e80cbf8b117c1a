"""Value types for the identifiers of Kazakhstan and of travel documents: IIN, phone, IBAN, MRZ.

Each ``parse`` checks and normalises; the errors name the check that failed, never the value (it is personal).
Only ASCII digits count: ``int("٨٥٠")`` is 850, and a check on it would pass a number nobody was issued.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from operator import mul

from engine.kernel.errors import IdentifierError

_CENTURY = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}
_W1 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_W2 = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)


@dataclass(frozen=True, slots=True)
class IIN:
    """Individual identification number (ИИН / ЖСН): YYMMDD, century-sex digit, 4 serial, check digit."""

    value: str
    born: date | None
    sex: str | None
    warning: str | None = None

    @classmethod
    def parse(cls, text: object) -> IIN:
        """Check the shape, the date and the check digit; a 7th digit outside 1-6 is only a warning."""
        if not isinstance(text, str) or len(text) != 12 or not (text.isascii() and text.isdigit()):
            raise IdentifierError("an IIN is a string of 12 ASCII digits", code="iin-shape")
        century = _CENTURY.get(text[6])
        born = None
        try:
            born = date((century or 2000) + int(text[:2]), int(text[2:4]), int(text[4:6]))
        except ValueError as error:
            raise IdentifierError("the first six digits of the IIN are no date", code="iin-date") from error
        if iin_check_digit(text[:11]) != text[11]:
            raise IdentifierError("the check digit of the IIN is wrong", code="iin-check-digit")
        if century is None:
            return cls(text, None, None, warning="iin-century")
        return cls(text, born, "m" if int(text[6]) % 2 else "f")

    def masked(self) -> str:
        """Show only what tells two people in a list apart: the last four digits."""
        return "••••••••" + self.value[-4:]


def iin_check_digit(first11: str) -> str | None:
    """Return the check digit of 11 digits, or None where the number is never issued."""
    digits = [ord(digit) - 48 for digit in first11]
    for weights in (_W1, _W2):
        rest = sum(map(mul, digits, weights)) % 11
        if rest != 10:
            return str(rest)
    return None


# National numbers of mobile operators, as in the numbering plan (phonenumbers 9.0.43, region KZ).
_MOBILE = re.compile(r"7(?:0[0-25-8]|47|6[0-4]|7[15-8]|85)[0-9]{7}")
_NATIONAL = re.compile(r"7[0-9]{9}")


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number of Kazakhstan in E.164; only a mobile one can be a login."""

    e164: str
    mobile: bool
    warning: str | None = None

    @classmethod
    def parse(cls, text: object) -> Phone:
        """Normalise separators and a leading 8; foreign numbers are refused, numbers outside the plan warned of."""
        if not isinstance(text, str) or not re.fullmatch(r"[+(]?[0-9][0-9 ()\-.]{8,24}", text):
            raise IdentifierError("a phone number has 11 ASCII digits", code="phone-shape")
        digits = re.sub(r"[^0-9]", "", text)
        if len(digits) == 11 and digits[0] == "8" and not text.startswith("+"):
            digits = "7" + digits[1:]
        if len(digits) != 11 or digits[0] != "7":
            raise IdentifierError("the phone number is not of Kazakhstan (+7 and 10 digits)", code="phone-country")
        national = digits[1:]
        if not _NATIONAL.fullmatch(national):
            raise IdentifierError("the phone number is not of Kazakhstan", code="phone-country")
        mobile = bool(_MOBILE.fullmatch(national))
        fixed = national.startswith(("71", "72"))
        return cls("+" + digits, mobile, None if mobile or fixed else "phone-plan")

    def masked(self) -> str:
        """Show the operator code and the last two digits."""
        return f"{self.e164[:5]}•••••{self.e164[-2:]}"


@dataclass(frozen=True, slots=True)
class IbanKz:
    """An account number of Kazakhstan, ISO 13616: KZ, 2 check digits, 3-digit bank, 13 alphanumerics."""

    value: str

    @classmethod
    def parse(cls, text: object) -> IbanKz:
        """Check the shape and the mod-97 remainder (ISO 7064). Says nothing about whose account it is."""
        compact = re.sub(r" ", "", text).upper() if isinstance(text, str) else ""
        if not re.fullmatch(r"KZ[0-9]{5}[0-9A-Z]{13}", compact):
            raise IdentifierError("an IBAN of Kazakhstan is KZ and 18 characters", code="iban-shape")
        number = int("".join(str(int(ch, 36)) for ch in compact[4:] + compact[:4]))
        if number % 97 != 1:
            raise IdentifierError("the check digits of the IBAN are wrong", code="iban-check-digits")
        return cls(compact)

    def masked(self) -> str:
        """Show the country and the last four characters."""
        return f"KZ••{self.value[-4:]}"


@dataclass(frozen=True, slots=True)
class Mrz:
    """The machine-readable zone of a document, ICAO 9303 parts 3-6: TD1 (3 x 30), TD2 (2 x 36), TD3 (2 x 44)."""

    format: str
    country: str
    number: str
    born: str
    sex: str
    expires: str
    optional: str

    @classmethod
    def parse(cls, lines: object) -> Mrz:
        """Check every check digit and the composite; raises with the code of the first one that is wrong.

        Takes the lines as a list, or as one string with line breaks.
        """
        if isinstance(lines, str):
            lines = lines.split()
        if not isinstance(lines, list | tuple) or not all(
            isinstance(line, str) and re.fullmatch(r"[0-9A-Z<]+", line) for line in lines
        ):
            raise IdentifierError("an MRZ is two or three lines of A-Z, 0-9 and <", code="mrz-shape")
        match tuple(len(line) for line in lines):
            case (30, 30, 30):
                return cls._td1(*lines)
            case (36, 36):
                return cls._two_lines("TD2", lines[0], lines[1], (slice(0, 10), slice(13, 20), slice(21, 35)))
            case (44, 44):
                _digit("personal-number", lines[1][28:42], lines[1][42], blank_ok=True)
                return cls._two_lines("TD3", lines[0], lines[1], (slice(0, 10), slice(13, 20), slice(21, 43)))
        raise IdentifierError("the MRZ is neither TD1, TD2 nor TD3", code="mrz-shape")

    @classmethod
    def _td1(cls, one: str, two: str, three: str) -> Mrz:
        _digit("document-number", one[5:14], one[14])
        _digit("birth", two[0:6], two[6])
        _digit("expiry", two[8:14], two[14])
        _digit("composite", one[5:30] + two[0:7] + two[8:15] + two[18:29], two[29])
        return cls("TD1", one[2:5], one[5:14].rstrip("<"), two[0:6], two[7], two[8:14], one[15:30].strip("<"))

    @classmethod
    def _two_lines(cls, name: str, one: str, two: str, parts: tuple[slice, ...]) -> Mrz:
        _digit("document-number", two[0:9], two[9])
        _digit("birth", two[13:19], two[19])
        _digit("expiry", two[21:27], two[27])
        _digit("composite", "".join(two[part] for part in parts), two[-1])
        return cls(name, one[2:5], two[0:9].rstrip("<"), two[13:19], two[20], two[21:27], two[28:-2].strip("<"))


def mrz_check_digit(text: str) -> str:
    """Return the ICAO 9303 check digit: weights 7, 3, 1; A-Z are 10-35, the filler is 0; modulo 10."""
    values = (0 if ch == "<" else int(ch, 36) for ch in text)
    return str(sum(v * (7, 3, 1)[i % 3] for i, v in enumerate(values)) % 10)


def _digit(name: str, text: str, digit: str, *, blank_ok: bool = False) -> None:
    if blank_ok and digit == "<" and not text.strip("<"):
        return
    if mrz_check_digit(text) != digit:
        raise IdentifierError(f"the check digit of the MRZ field '{name}' is wrong", code=f"mrz-{name}")
