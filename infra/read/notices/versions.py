"""The versions of a notice's text, and what changed between two of them."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from engine.kernel.errors import NotFound
from engine.notices.notice import Notice
from engine.notices.parts import TextVersion

_WORDS = re.compile(r"\s+|[^\s]+")


class Change(NamedTuple):
    """A field that differs, with its pieces: ("same" | "gone" | "new", text)."""

    language: str
    field: str
    pieces: list[tuple[str, str]]


def version_of(notice: Notice, number: int) -> TextVersion:
    """Return one version; raises NotFound."""
    for version in notice.versions:
        if version.number == number:
            return version
    raise NotFound("the notice has the versions 1 to {versions}", versions=len(notice.versions))


def changes(old: TextVersion | None, new: TextVersion) -> list[Change]:
    """Return every field that differs."""
    found = []
    before = old.content if old is not None else {}
    for language in dict.fromkeys([*before, *new.content]):
        one, two = before.get(language, {}), new.content.get(language, {})
        for name in dict.fromkeys([*one, *two]):
            if one.get(name) != two.get(name):
                pieces = pieces_of(one.get(name, ""), two.get(name, ""))
                found.append(Change(language, name, pieces))
    return found


def pieces_of(old: str, new: str) -> list[tuple[str, str]]:
    """Compare two texts word by word."""
    one, two = _WORDS.findall(old), _WORDS.findall(new)
    found: list[tuple[str, str]] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(("same", "".join(one[i:j])))
            continue
        if i < j:
            found.append(("gone", "".join(one[i:j])))
        if k < m:
            found.append(("new", "".join(two[k:m])))
    return found
