"""One spelling of what people write in many: who issued an act, a court, and the number of an act or a decision."""

from __future__ import annotations

import re
import unicodedata

_ALIKE = str.maketrans("авекмнорстухіё", "abekmhopctyxie")
"""Cyrillic letters that look like Latin ones: a number has no language."""
_MARK = re.compile(r"^(?:n[or]?|num|number|н|номер|нөмірі)?[.:#°º]*(?=\d)")
"""What stands before a number and says only that it is one."""
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")


def spelt(issuer: str, number: str) -> tuple[str, str]:
    """Return issuer and number in the one spelling by which the same act is known."""
    return issuer_of(issuer), number_of(number)


def issuer_of(text: str) -> str:
    """Return a name without case, spaces and punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return "".join(letter for letter in plain if letter.isalnum()) or plain.strip()


def number_of(text: str) -> str:
    """Return a number without its mark ("№ 17", "N17", "no. 17"), case and spaces."""
    plain = unicodedata.normalize("NFKC", text.replace("№", " ")).casefold()
    packed = _DASHES.sub("-", "".join(plain.split()))
    return _MARK.sub("", packed).translate(_ALIKE).rstrip(".,;") or packed


_NO_NUMBER = frozenset({"бн", "безномера", "нөмірсіз", "none", "null", "na", "nan", "unknown", "нет", "жоқ"})


def says_which(issuer: str, number: str) -> bool:
    """Say whether issuer and number can tell an act or a decision from others: a dash or "б/н" cannot."""
    named, counted = ("".join(filter(str.isalnum, it.casefold())) for it in (issuer, number))
    return bool(named) and bool(counted) and counted not in _NO_NUMBER
