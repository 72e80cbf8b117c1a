"""What a word is, for every engine alike: we cut and write words ourselves, so no tokeniser of any engine decides.

A word is written with a-z and 0-9 only, letter by letter, so the beginning of a word is the beginning of its spelling
too and can be asked for. Bare words begin with ``w``, words of a field with ``f`` and the field's name, numbers and
times of a field with ``n``; ``zs`` ends a name.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Literal

from engine.search.instants import span

Kind = Literal["text", "number", "date", "time"]
"""How a field is asked for; ``date`` is a time among the words, ``time`` the one time of the document."""
LONGEST = 64
"""Letters of a word that count."""
LONGEST_SPELLING = 250
"""What one engine or another would cut is cut by us."""
SEPARATOR = "x"
"""Stands between two values, so that no phrase runs over their border."""
PARTS = 512
"""Words of one document that are indexed."""
_WORD = re.compile(r"[^\W_]+")
_SHORT = {".": "zd", "_": "zu", "@": "za", "z": "zz"}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NIBBLES = 16


def cut(text: str) -> list[str]:
    """Cut a text into words: letters and digits, without case, in Unicode's compatible form."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return [word[:LONGEST] for word in _WORD.findall(plain)]


def spell(word: str) -> str:
    """Write a word with a-z and 0-9; different words differ, and beginnings stay beginnings."""
    return word.translate(_PLAIN) if word.isascii() else "".join(_letter(letter) for letter in word)


def _letter(letter: str) -> str:
    if ("a" <= letter < "z") or ("0" <= letter <= "9"):
        return letter
    if letter in _SHORT:
        return _SHORT[letter]
    return _by_number(letter)


def _by_number(letter: str) -> str:
    rest, digits = ord(letter), ""
    for _ in range(4):
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return f"zx{digits}"


_PLAIN = {number: _letter(chr(number)) for number in range(128)}


@lru_cache(maxsize=4_000)
def of_field(name: str) -> str:
    """Return what the words of a field begin with."""
    return f"f{spell(name)}zs"


@lru_cache(maxsize=4_000)
def of_numbers(name: str) -> str:
    """Return what the numbers of a field begin with."""
    return f"n{spell(name)}zs"


def bare(word: str) -> str:
    """Return the spelling of a word anywhere."""
    return f"w{spell(word)}"[:LONGEST_SPELLING]


def of_named(name: str, word: str) -> str:
    """Return the spelling of a word in a field."""
    return (of_field(name) + spell(word))[:LONGEST_SPELLING]


def number(value: float) -> str:
    """Write a number as 16 hexadecimal digits in the order of the numbers."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # + 0.0 makes one zero of two
    ordered = bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63
    return f"{ordered:016x}"


def between(lowest: float, highest: float) -> Iterator[str]:
    """Return the beginnings that all numbers of a closed range have, and no others: at most 30 a digit.

    The beginnings of a range are those of a trie over 16 digits (Schindler and Diepenbroek 2008).
    """
    low, high = int(number(lowest), 16), int(number(highest), 16)
    digits = _NIBBLES
    while low <= high:
        if digits == 0:
            yield ""
            return
        upper = high >> 4 if high & 15 == 15 else (high >> 4) - 1
        lower = low >> 4 if low & 15 == 0 else (low >> 4) + 1
        if lower > upper:
            yield from (f"{part:0{digits}x}" for part in range(low, high + 1))
            return
        yield from (f"{part:0{digits}x}" for part in range(low, lower << 4))
        yield from (f"{part:0{digits}x}" for part in range((upper + 1) << 4, high + 1))
        low, high, digits = lower, upper, digits - 1


@lru_cache(maxsize=50_000)
def _of_value(name: str, text: str, kind: Kind, zone: tzinfo) -> tuple[int, str, str]:
    """Return the number of words, the bare ones, and those of the field."""
    found = [spell(word) for word in cut(text)]
    prefix = of_field(name)
    own = [(prefix + word)[:LONGEST_SPELLING] for word in found]
    try:
        if kind == "number":
            own.append(of_numbers(name) + number(float(text)))
        elif kind == "date":
            own.append(of_numbers(name) + number(float(span(text, zone)[0])))
    except (ValueError, OverflowError):
        pass  # found by its words, not by a range
    bares = [f"w{word}"[:LONGEST_SPELLING] for word in found]
    return len(found), " ".join((*bares, SEPARATOR)), " ".join((*own, SEPARATOR))


def of_document(fields: Iterable[tuple[str, Any, Kind]], zone: tzinfo) -> str:
    """Return the words of a document in their spelling: the bare ones, then those of fields.

    ``fields`` are names, values and kinds; a list holds several values; days are days of ``zone``.
    """
    words: list[str] = []
    named: list[str] = []
    count = 0
    for name, value, kind in fields:
        for part in value if isinstance(value, list | tuple) else (value,):
            if part is None or part == "":
                continue
            text = ("true" if part else "false") if isinstance(part, bool) else str(part)[:400]
            many, some, own = _of_value(name, text, kind, zone)
            words.append(some)
            named.append(own)
            count += many
            if count > PARTS:
                return " ".join(words + named)
    return " ".join(words + named)
