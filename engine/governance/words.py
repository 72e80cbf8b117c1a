"""The words in which other systems say that something was done, failed or was refused: English, Russian, Kazakh.

What is none of the words for done is not done. The words for refusals are needed only where a refusal is asked for, or
stands beside an outcome that says otherwise; texts are read in ``reasons``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

DONE = frozenset(
    [
        "applied", "approved", "clean", "completed", "conforming", "confirmed", "delivered", "done", "effective",
        "fixed", "match", "matched", "ok", "pass", "passed", "positive", "provided", "published", "released", "signed",
        "succeeded", "success", "successful", "trained", "up", "valid", "verified", "yes",
        "выполнено", "выполнен", "выполнена", "исполнено", "исполнен", "успешно", "успех", "завершено", "завершен",
        "сделано", "подтверждено", "подтвержден", "пройдено", "пройден", "одобрено", "утверждено", "утвержден",
        "подписано", "подписан", "опубликовано", "опубликован", "совпадает", "совпало", "устранено", "устранена",
        "исправлено", "доставлено", "проверено", "предоставлено", "да",
        "орындалды", "сәтті", "аяқталды", "расталды", "бекітілді", "өтті", "мақұлданды", "қол қойылды", "жарияланды",
        "сәйкес", "сәйкес келді", "түзетілді", "жеткізілді", "тексерілді", "берілді", "иә",
    ]
)  # fmt: skip
"""Outcomes that say that something was done; every other word, and none, says that it was not, or not whether."""
FAILED = frozenset(
    [
        "aborted", "breached", "cancelled", "canceled", "declined", "denied", "error", "errors", "expired", "fail",
        "failed", "failure", "false", "forced", "hit", "invalid", "mismatch", "negative", "no", "not applied",
        "not done", "not examined", "not found", "rejected", "refused", "reverted", "revoked", "rolled back", "spoof",
        "timeout", "unable", "unsuccessful", "not passed", "undelivered", "unknown", "unreadable",
        "отказано", "отказ", "отклонено", "отклонен", "отклонена", "не выполнено", "не исполнено", "неуспешно",
        "неуспех", "ошибка", "сбой", "провал", "отменено", "просрочено", "истекло", "не найдено", "не пройдено",
        "не совпадает", "не подтверждено", "недействительно", "неизвестно", "нет",
        "бас тартылды", "қабылданбады", "орындалмады", "сәтсіз", "қате", "жойылды", "болдырылмады", "мерзімі өтті",
        "табылмады", "өтпеді", "сәйкес емес", "расталмады", "жарамсыз", "белгісіз", "жоқ",
    ]
)  # fmt: skip
POSTPONED = frozenset(
    [
        "deferred", "postponed", "delayed", "pending", "queued", "scheduled", "planned", "in progress", "on hold",
        "later", "tomorrow", "waiting", "awaiting", "reopened", "exception", "waived", "mitigated", "todo", "tbd",
        "not yet", "draft", "test", "sandbox", "dry run", "simulated", "simulation", "partial", "withdrawn",
        "отложено", "отложен", "отложена", "перенесено", "позже", "завтра", "запланировано", "ожидает", "в работе",
        "в очереди", "в обработке", "в процессе", "исключение", "черновик", "тест", "частично", "отозвано", "отозван",
        "отозвана", "отменен", "отменён", "отменена", "истек", "истёк",
        "кейінге қалдырылды", "ертең", "кейін", "күтуде", "кезекте", "өңделуде", "жоспарланды", "сынақ", "ішінара",
        "ерекшелік", "кері қайтарылды",
    ]
)  # fmt: skip
"""Words that say not yet, not wholly, not really, or not any more."""
TRIALS = frozenset(
    ["test", "testing", "staging", "uat", "sandbox", "demo", "dev", "development", "simulation", "dry run", "shadow",
     "validation", "read only", "preview", "trial", "тест", "тестовый", "сынақ"]
)  # fmt: skip
"""Where nothing that is done is real."""
NOTHING = frozenset(
    [
        "null", "none", "nil", "n/a", "na", "nan", "undefined", "unknown", "tbd", "todo", "empty", "not set", "no",
        "нет", "неизвестно", "не указано", "отсутствует", "жоқ", "белгісіз", "көрсетілмеген",
    ]
)  # fmt: skip
"""Words with which a field says that it says nothing."""
YES = frozenset(["true", "yes", "y", "1", "1.0", "on", "да", "истина", "иә", "ия", "иə"])
NO = frozenset(["false", "no", "n", "0", "0.0", "off", "нет", "ложь", "жоқ", "жок", *NOTHING])
EVERYTHING = frozenset(["*", "all", "all systems", "everything", "все", "все системы", "барлығы", "барлық жүйелер"])
_LONGEST_NOTHING = 2 * max(len(it) for it in NOTHING)
_REMEMBERED = 40
_NOTHING_YET = re.compile(
    r"(?:none|nil|null|n/a|nothing)(?: (?:yet|given|assigned|known|available|set|so far))?"
    r"|(?:pending|later|soon|todo|tbd|awaiting|queued|tomorrow|to be)(?: [^\W\d]+){0,3}|to follow|see later|coming soon"
    r"|not (?:yet|given|assigned|known|available|set|issued|applicable|examined|needed)(?: [^\W\d]+){0,2}"
    r"|no (?:approval|case|id|one|hash|number|reference|data|value|file|link|url)(?: yet| given)?|missing|withheld"
    r"|(?:пока |еще |ещё )?(?:нет|отсутствует)(?: (?:номера|данных|согласования|дела|пока|еще|ещё|ссылки))?"
    r"|(?:пока |еще |ещё )?не (?:указ|назнач|присво|выда|получ|извест|опублик|заве)[^\W\d]*|без номера"
    r"|(?:позже|скоро|завтра|ожида[^\W\d]+|потом)(?: [^\W\d]+){0,3}"
    r"|(?:әлі )?жоқ|берілмеген|әлі берілмеді|күтуде|ертең|кейін[^\W\d]*(?: [^\W\d]+)?"
)
"""Texts that stand where something should be named, and name nothing yet."""


def word(value: Any) -> str:
    """Bring a word to the form the lists have it in."""
    text = value if isinstance(value, str) else str(value)
    return _word(text) if len(text) <= _REMEMBERED else _brought(text)


@lru_cache(maxsize=4_096)
def _word(text: str) -> str:
    return _brought(text)


def _brought(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").strip(" .!;:\t\n").split())


def words(value: Any) -> list[str]:
    """Return the words a field says, one or several; none where it says nothing."""
    return [word(one) for one in (value if isinstance(value, list | tuple) else (value,)) if said(one)]


def said(value: Any) -> bool:
    """Say whether a field holds anything."""
    return value is not None and value != "" and value != []


def names(value: Any) -> bool:
    """Say whether a field names something: a dash, a dot or 'n/a' names nothing."""
    if isinstance(value, list | tuple):
        return any(names(one) for one in value)
    if not isinstance(value, str):
        return value is not None
    if len(value) <= _LONGEST_NOTHING and _nothing(value):
        return False
    return any(letter.isalnum() for letter in value)


@lru_cache(maxsize=4_096)
def _nothing(text: str) -> bool:
    known = _brought(text)
    return known in NOTHING or _NOTHING_YET.fullmatch(known) is not None


def flag(value: Any) -> bool | None:
    """Read a yes or a no, however it is spelt; None for what is neither."""
    if isinstance(value, bool):
        return value
    text = str(value).casefold().strip()
    return True if text in YES else False if text in NO else None


def number(value: Any) -> float | None:
    """Read a number, also one that came as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value.strip().replace(",", ".")) if isinstance(value, str) else float(value)
    except ValueError:
        return None
    return found if found == found and abs(found) != float("inf") else None
