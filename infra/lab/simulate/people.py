"""Who takes part: several hundred thousand clients, staff in branch offices, their devices, all made of numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from engine.events.identifiers import iin_check_digit

CLIENTS = 320_000
APPLICANTS = 2_000_000
"""Of whom each borrows once; most were no clients before."""
STAFF = 140
BRANCHES = 18
_FAMILIES = ("Ахметов", "Ибраев", "Ким", "Нұрланов", "Омаров", "Петров", "Сейтқали", "Төлеген", "Шевченко")
_GIVEN = ("А.", "Б.", "Г.", "Д.", "Е.", "Қ.", "М.", "Н.", "С.", "Т.", "Ә.")


@dataclass(frozen=True, slots=True)
class Client:
    """One borrower; everything about him follows from his number, so nothing has to be kept."""

    number: int

    @property
    def id(self) -> str:
        """His id in the organisation's systems."""
        return f"c-{self.number:06d}"

    @property
    def iin(self) -> str:
        """An IIN whose check digit is right."""
        year, month, day = 50 + self.number % 55, 1 + self.number % 12, 1 + self.number % 28
        serial = self.number % 10_000
        while True:
            head = f"{year % 100:02d}{month:02d}{day:02d}{3 + self.number % 2}{serial:04d}"
            digit = iin_check_digit(head)
            if digit is not None:
                return head + digit
            serial = (serial + 1) % 10_000

    @property
    def phone(self) -> str:
        """His mobile number."""
        operator = (701, 702, 705, 707, 708, 747, 771, 775, 776, 777, 778)[self.number % 11]
        return f"+7{operator}{1_000_000 + self.number * 7 % 8_999_999}"

    @property
    def name(self) -> str:
        """His name."""
        return f"{_FAMILIES[self.number % len(_FAMILIES)]} {_GIVEN[self.number // 7 % len(_GIVEN)]}"

    @property
    def document(self) -> str:
        """The number of his identity card."""
        return f"{10_000_000 + self.number:09d}"

    @property
    def device(self) -> str:
        """His usual device."""
        return f"d-{_hash('device', self.number)[:10]}"

    @property
    def address(self) -> str:
        """His usual network address."""
        value = int(_hash("address", self.number)[:8], 16)
        network = (2, 5, 37, 92, 95, 178, 212)[value % 7]
        return f"{network}.{value >> 8 & 255}.{value >> 16 & 255}.{1 + (value >> 24) % 254}"

    @property
    def account(self) -> str:
        """The hash of his own bank account."""
        return f"sha256:{_hash('account', self.number)[:16]}"


class Chance(Random):
    """The dice of a stream, and how many employees there are to throw them for."""

    staff = STAFF
    turn = 0

    def employee(self) -> int:
        """Pick one of the staff."""
        return self.randrange(max(self.staff, 1_000)) % self.staff

    def on_duty(self) -> int:
        """Whose turn it is: nobody sits at his workstation twice at once."""
        self.turn = (self.turn + 1) % self.staff
        return self.turn


def staff(number: int) -> str:
    """Name an employee."""
    return f"u-{number:03d}"


def workstation(number: int) -> str:
    """Name the workstation of an employee of a branch."""
    return f"ws-{number % BRANCHES:02d}-{number:03d}"


def _hash(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind}:{number}".encode()).hexdigest()
