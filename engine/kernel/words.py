"""What counts as somebody's own words, and as a reference: who vouches for something says what, and is named.

A dot, "ok" or "нет" vouches for nothing (docs/decisions/0028-done-is-proven.md).
"""

from __future__ import annotations

import re

from engine.kernel.answer_words import word_of
from engine.kernel.errors import DecisionRefused

LONG = 4
"""Letters of a word that says something by itself."""
FILLERS = frozenset({
    "ok", "okay", "okey", "no", "yes", "na", "nan", "nil", "none", "null", "undefined", "true", "false", "yeah",
    "nope", "blah", "asdf", "qwer", "qwerty", "lorem", "ipsum", "todo", "idem", "reason", "evidence", "comment", "text",
    "note", "unknown", "nothing",
    "ок", "да", "нет", "ага", "окей", "нету", "пусто", "ладно", "неизвестно", "ничего", "причина",
    "аналогично", "есть",
    "иә", "жоқ", "ия", "жарайды", "себеп", "белгісіз", "ештеңе",
})  # fmt: skip
"""Words that say nothing by themselves and are the number of nothing, in English, Russian and Kazakh."""
SHORT = 5
"""Words of a text that is only a denial where it holds one; in a longer one it may be about something else."""
_DENIALS = frozenset({
    "not", "never", "none", "nobody", "refused", "refuses", "will", "tomorrow", "later", "pending", "soon", "postponed",
    "unknown", "unsure",
    "не", "нет", "завтра", "позже", "потом", "отложено", "отказ", "отказано", "отказали", "будет", "сделаем",
    "отправим",
    "неизвестно", "никто",
    "емес", "жоқ", "ертең", "кейін", "кейінірек",
})  # fmt: skip
_KAZAKH_NOT = ("мады", "меді", "бады", "беді", "пады", "педі", "мадым", "медім", "мадық", "медік", "майды", "мейді")
_WORD = re.compile(r"[^\W_]+")


def own_words(text: str) -> bool:
    """Say whether a text can be what somebody says in own words: a longer word, or two short ones, of meaning."""
    words = [word for word in _WORD.findall(text.casefold()) if _says(word)]
    return len(words) > 1 or any(len(word) >= LONG for word in words)


def need_letters(text: str) -> None:
    """Raise DecisionRefused for a reason without a letter or digit: a dot ends no duty."""
    if not any(map(str.isalnum, text)):
        raise DecisionRefused("say in your own words what was done or is so, and how you know")


def need_own_words(text: str) -> None:
    """Raise DecisionRefused for a text in which a person vouches for something and says nothing."""
    if not own_words(text):
        raise DecisionRefused("say in your own words what was done or is so, and how you know")


def need_done_words(text: str) -> None:
    """Raise DecisionRefused for a text that is to say what was done, and says nothing, denies or postpones."""
    need_own_words(text)
    words = _WORD.findall(text.casefold())
    if word_of(text) in ("refused", "pending") or (
        len(words) <= SHORT and (any(map(_denies, words)) or "бас тарт" in text.casefold())
    ):
        raise DecisionRefused("these words deny or postpone it; say what was done and how you know")


def is_reference(text: str) -> bool:
    """Say whether a text can be the number that another side knows something by."""
    letters = "".join(_WORD.findall(text.casefold()))
    if word_of(text) in ("refused", "pending"):
        return False
    return bool(letters) and letters not in FILLERS and not set(letters) <= {"0", "x"}


def _denies(word: str) -> bool:
    return word in _DENIALS or word.endswith(_KAZAKH_NOT)


def _says(word: str) -> bool:
    return len(word) > 1 and not word.isdigit() and word not in FILLERS and len(set(word)) > 1
