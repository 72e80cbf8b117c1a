"""How the Anti-Fraud Centre's answers are read: accepted, refused, or neither yet; wholly, by the kernel's signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from engine.kernel.answer_signs import Sign, Signs, name_of
from engine.kernel.answer_words import TEXTS, against, is_no, is_nothing, is_yes, normal, verdict_word
from engine.kernel.answers import Asked, reference_of

ACCEPTED = frozenset({"accepted", "registered", "processed", "done", "ok"})
REJECTED = frozenset({"rejected", "refused", "error", "failed", "invalid", "declined"})
"""The words of the contract for a status."""
_ACCEPTED = ACCEPTED | {
    "completed", "complete", "success", "successful", "succeeded", "confirmed", "acknowledged", "applied",
    "принято", "принят", "принята", "зарегистрировано", "зарегистрирован", "зарегистрирована", "обработано",
    "обработан", "выполнено", "исполнено", "успешно", "подтверждено",
    "қабылданды", "тіркелді", "өңделді", "орындалды", "сәтті", "расталды",
}  # fmt: skip
"""What else says that it was accepted."""
_VERDICTS = frozenset({"outcome", "status", "result", "state", "decision", "verdict", "статус", "результат", "решение"})
_FLAGS = frozenset({"accepted", "registered", "received", "acknowledged", "принято"})
"""Keys that say by a flag, or a count of one, whether it was accepted."""
_MESSAGES = frozenset({"message_id", "messageid", "messages", "message_ids", "notice_id", "request_message_id"})
_OF_THE_EVENT = frozenset({"mfo.message.id", "mfo.afc.reference", "mfo.message.action", "mfo.subject"})
_CLAUSES = (":", ";", ",", "–", "—", " - ", ". ")
Word = Literal["accepted", "refused", "open"]


class Said(NamedTuple):
    """What the Centre says of one message: accepted, refused or neither yet, by which reference, and why."""

    word: Word
    reference: str
    why: str


def word_of_centre(value: object) -> Word:
    """Read one word of a status; a word that is not known says nothing yet."""
    if not isinstance(value, str):
        return "open"
    if normal(value) in _ACCEPTED:
        return "accepted"
    return "refused" if verdict_word(value) == "refused" else "open"


def said_by_body(document: Mapping[str, Any], message_id: str = "", now: datetime | None = None) -> Said:
    """Judge what the body of an HTTP answer says; a refusal goes before a doubt, a doubt before an acceptance."""
    reference = reference_of(document.get("reference"))
    words = [document[it] for it in ("outcome", "status", "result") if document.get(it) not in (None, "")]
    rest = {key: value for key, value in document.items() if key not in ("outcome", "status", "result", "reference")}
    return _said(words, reference, _signs(rest, message_id, reference, now))


def said_by_event(fields: Mapping[str, Any]) -> Said:
    """Judge what an event says: the words of its outcomes, its flags, its reasons, its errors."""
    reference = reference_of(fields.get("mfo.afc.reference"))
    words: list[object] = []
    rest: list[Sign] = []
    for name, value in fields.items():
        first, last = name.split(".", 1)[0], name_of(name.rsplit(".", 1)[-1])
        if name in _OF_THE_EVENT or value is None or value in ("", []):
            continue
        if first in ("mfo", "event") and last in _VERDICTS:
            words += value if isinstance(value, list | tuple) else [value]
        elif first == "error":
            rest += [] if is_nothing(value) else [Sign("refused", f"{name}: {str(value)[:120]}")]
        elif name in ("event.type", "tags"):
            told = value if isinstance(value, list | tuple) else [value]
            rest += [Sign("refused", f"{name}: {it}") for it in told if word_of_centre(it) == "refused"]
        elif last in TEXTS or (first in ("mfo", "labels") and name.count(".") == 1):
            rest += _of(last, value, "", reference, None)
    return _said(words, reference, rest)


def _said(words: list[Any], reference: str, signs: list[Sign]) -> Said:
    read = [word_of_centre(it) for it in words]
    refused = next((str(it) for it, word in zip(words, read, strict=True) if word == "refused"), "")
    why = next((it.why for it in signs if it.said == "refused"), "")
    if refused or why:
        return Said("refused", reference, f"{refused} {why}".strip()[:200])
    doubt = next((it.why for it in signs), "")
    if doubt or not words or set(read) != {"accepted"}:
        return Said("open", reference, (doubt or ", ".join(str(it) for it in words))[:200])
    return Said("accepted", reference, str(words[0])[:200])


def _signs(document: Mapping[str, Any], message_id: str, reference: str, now: datetime | None) -> list[Sign]:
    return [it for key, value in document.items() for it in _of(name_of(key), value, message_id, reference, now)]


def _of(name: str, value: Any, message_id: str, reference: str, now: datetime | None) -> Iterator[Sign]:
    """Read one value: what the Centre says in words of its own first, the rest as any answer is read."""
    if value is None or value in ("", [], {}):
        return
    if name in _VERDICTS and isinstance(value, str):
        word = word_of_centre(value)
        if word != "accepted":
            yield Sign("refused" if word == "refused" else "unclear", f"{name} {value[:120]}")
    elif name in _FLAGS and not isinstance(value, str | Mapping | list):
        if not is_yes(value):
            yield Sign("refused" if is_no(value) else "unclear", f"{name} is {str(value)[:80]}")
    elif name in _FLAGS and isinstance(value, str):
        if is_no(value):
            yield Sign("refused", f"{name} is {value[:80]}")
    elif name in _MESSAGES:
        ids = value if isinstance(value, list) else [value]
        if message_id and [str(it) for it in ids] != [message_id]:
            yield Sign("unclear", f"{name} names another message")
    elif name == "id":
        if message_id and _is_id(value) and str(value) != message_id:
            yield Sign("unclear", "id names another message")
    elif name in TEXTS and isinstance(value, str):
        found = _against(value)
        if found is not None:
            yield Sign(found[0], f"{name}: {value[:120]}")
    else:
        yield from Signs(Asked(now=now), (), reference).look(name, value)


def _against(text: str) -> tuple[Any, str] | None:
    """Read a text; where it begins with a word for accepted, what comes after it."""
    for end in _CLAUSES:
        head, _, tail = text.partition(end)
        if tail and word_of_centre(head) == "accepted":
            return _against(tail)
    return None if word_of_centre(text) == "accepted" else against(text)


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
