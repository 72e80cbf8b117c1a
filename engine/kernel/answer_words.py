"""The words of answers: what says done, no, not yet, or nothing at all, in English, Russian and Kazakh.

Words for done are few: an order is done only where an answer says so in a word of the contract. Words for no are many:
whoever refuses may do it in any way.
"""

from __future__ import annotations

import re
from typing import Literal

Said = Literal["done", "refused", "pending", "unclear"]
DONE = frozenset({"done", "already-done", "applied", "completed", "success"})
REFUSED = frozenset({
    "refused", "rejected", "failed", "failure", "fail", "error", "denied", "declined", "not-done", "not-found",
    "unknown",
    "unknown-loan", "unknown-client", "not-applied", "false", "no", "n", "ko", "nok", "refusal", "reject", "unable",
    "impossible", "invalid", "cancelled", "canceled", "cancel", "reverted", "reversed", "rolled-back", "rollback",
    "rolledback", "undone", "aborted", "abort", "expired", "withdrawn", "revoked", "annulled", "voided", "dismissed",
    "returned", "bounced", "skipped", "ignored", "forbidden", "unauthorized", "unauthorised", "unsupported",
    "unsuccessful", "timeout", "timed-out", "conflict", "exception", "missing", "unreachable", "unavailable",
    "disallowed", "prohibited", "bad-request", "cannot", "can-not", "overridden", "resumed-collection",
    "нет", "отказ", "отказано", "отказан", "отказана", "отклонено", "отклонен", "отклонён", "отклонена", "ошибка",
    "сбой", "невозможно", "нельзя", "неизвестно", "неизвестен", "неизвестный-договор", "отменено", "отменен", "отменён",
    "отменена", "отмена", "аннулировано", "аннулирован", "откат", "откачено", "отозвано", "отозван", "отозвана",
    "просрочено", "просрочен", "истек", "истёк", "истекло", "возвращено", "возврат", "прервано", "неуспешно", "неудача",
    "запрещено", "пропущено", "отсутствует", "недоступно",
    "жоқ", "қате", "қателік", "бас-тарту", "бас-тартылды", "бас-тартты", "қайтарылды", "күші-жойылды", "жойылды",
    "белгісіз", "сәтсіз", "тыйым-салынған", "мерзімі-өтті", "мерзімі-өткен", "кері-қайтарылды",
})  # fmt: skip
PENDING = frozenset({
    "queued", "pending", "accepted", "received", "in-progress", "processing", "scheduled", "handed-over", "queue",
    "in-queue", "not-yet", "awaiting", "waiting", "planned", "deferred", "postponed", "delayed", "started", "submitted",
    "in-work", "under-review", "async", "later", "retry", "registered", "on-hold-for-review",
    "в-очереди", "очередь", "в-обработке", "обрабатывается", "принято", "принят", "принята", "получено", "ожидает",
    "ожидание", "в-ожидании", "запланировано", "в-работе", "отложено", "позже", "в-процессе", "еще-нет", "ещё-нет",
    "кезекте", "өңделуде", "қабылданды", "күтуде", "жоспарланды", "кейін", "әлі-жоқ", "кейінге-қалдырылды",
})  # fmt: skip
_AGREES = DONE | {
    "ok", "okay", "yes", "true", "y", "successful", "succeeded", "executed", "finished", "performed", "confirmed",
    "200", "201", "complete", "stopped", "blocked", "held", "flagged", "corrected", "suspended",
    "да", "успешно", "выполнено", "исполнено", "готово", "сделано", "остановлено", "иә", "орындалды", "сәтті",
    "тоқтатылды",
}  # fmt: skip
"""Words that speak for done where they stand beside an outcome; they are no outcome themselves."""
_NOT_REAL = frozenset({
    "dry-run", "dryrun", "test", "testing", "sandbox", "simulation", "simulated", "simulate", "mock", "preview",
    "draft",
    "demo", "trial", "example", "тест", "тестовый", "имитация", "черновик", "сынақ", "partial", "partially", "частично",
    "ішінара", "жартылай", "doubt", "unclear", "uncertain", "maybe", "unverified", "unconfirmed", "не-подтверждено",
})  # fmt: skip
_NOTHING = frozenset({
    "", "null", "none", "nil", "nan", "n/a", "na", "undefined", "unknown", "true", "false", "ok", "empty", "tbd",
    "test",
    "no", "n", "нет", "нету", "жоқ", "reference", "n.a.", "not-available", "no-reference",
})  # fmt: skip
_PHRASES = re.compile(
    r"\bnot (?:be )?(?:found|done|stopped|applied|executed|blocked|performed|possible|completed|carried out|yet"
    r"|processed|allowed|supported|permitted|changed|our|known)\b|\b(?:unknown|no such|another|wrong|other) "
    r"(?:loan|client|contract|order|account|user|borrower|customer|subject)\b|\bdry[- ]run\b"
    r"|\bwill (?:be )?(?:stop|appl|process|execut|block|complet|handl|review|done|carried out|correct|perform)"
    r"|\b(?:was|were|is|are|has been|have been) (?:refused|rejected|denied|declined|cancell?ed|reverted|rolled back)\b"
    r"|\b(?:unable|failed|refused|refuses) to\b|\b(?:cannot|could not|can't|couldn't|didn't|did not|won't)\b"
    r"|\bdoes not exist\b|\bnothing (?:was )?(?:done|changed|stopped)\b|\bcollection (?:goes on|continues)\b"
    r"|\b(?:взыскание|начисление) продолж|\bжалғас(?:уда|ады|тырылуда)\b"
    r"|\bбуд(?:ет|ут) (?:остановл|выполн|исполн|примен|внес|рассмотр|заблокир|обработ|исправл)"
    r"|\bне (?:был[аио]? |будет )?(?:найден|выполнен|исполнен|остановлен|применен|применён|принят|удалось|могу|может"
    r"|возможно|существует|обнаружен|подтвержден|подтверждён|заблокирован|внесен|внесён)|\b(?:отказано|отклонено|отменено|невозможно)\b"
    r"|\bнет (?:такого|такой|договора|клиента)\b|\bнеизвестн\w+ (?:договор|клиент|заем|заём)"
    r"|\b(?:табылмады|орындалмады|тоқтатылмады|қабылданбады|мүмкін емес|бас тартылды|күші жойылды)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"^(?:ещ[её]-)?(?:не|нет)-(?!ошиб|замечан|проблем|требу)|^(?:not|non|never|unable|unknown|failed|refused|rejected)-"
    r"|^no-(?:such|loan|client|contract|order|match|record|access|permission|action)"
)
_NEGATIVE_ENDS = ("мады", "меді", "бады", "беді", "пады", "педі", "мейді", "майды", "-емес", "-жоқ")
"""How Kazakh says that something was not done."""
_CLAUSE = re.compile(r"[:;!?(\[|\n–—]|(?<![Nn]o)\.(?=\s|$)| - ")
_CALM = frozenset({"қате-жоқ", "қателік-жоқ", "ескерту-жоқ", "ескертулер-жоқ"})
_SHORT = 4
"""Words of a text that may still be read as one word with a negation; a longer one is a sentence."""


def normal(text: str) -> str:
    """Write a word in one way, however it is capitalised and spaced."""
    return "-".join(text.strip().casefold().replace("_", " ").replace("-", " ").split())


def word_of(value: object) -> Said:
    """Read the word for an outcome. What is none of the known words is unclear."""
    if not isinstance(value, str):
        return "unclear"
    word = normal(value)
    if word in DONE:
        return "done"
    if word in PENDING:
        return "pending"
    if word in REFUSED:
        return "refused"
    if word not in _CALM and word.count("-") < _SHORT and (_NEGATED.search(word) or word.endswith(_NEGATIVE_ENDS)):
        return "pending" if word.startswith("not-yet") or word.endswith("-yet") else "refused"
    return "unclear"


def verdict_word(value: object) -> Said:
    """Read a word that may stand beside an outcome, with a reason after it; ``done`` is all that agrees."""
    if not isinstance(value, str):
        return "unclear"
    if normal(value) in _AGREES:
        return "done"
    said = [word_of(it) for it in _clauses(value)]
    return next((it for it in said if it in ("refused", "pending")), "unclear")


def _clauses(text: str) -> list[str]:
    return [it for it in _CLAUSE.split(text) if it.strip()]


def against(text: str) -> tuple[Said, str] | None:
    """Say whether a text speaks against done: by its first words, or by a phrase that can mean nothing else."""
    parts = _clauses(text)
    said = word_of(parts[0]) if parts else "unclear"
    if said in ("refused", "pending"):
        return said, text
    if normal(text) in _NOT_REAL or (parts and normal(parts[0]) in _NOT_REAL):
        return "unclear", text
    return ("unclear", text) if _PHRASES.search(text) else None


def is_no(value: object) -> bool:
    """Say whether a value says no: false, zero, or a word for it."""
    if isinstance(value, bool | int | float):
        return not value
    return isinstance(value, str) and (word_of(value) == "refused" or (bool(value.strip()) and not value.strip(" 0.")))


def is_yes(value: object) -> bool:
    """Say whether a value says yes: true, one, or a word for it."""
    if isinstance(value, bool | int | float):
        return value == 1
    return isinstance(value, str) and (normal(value) in _AGREES or value.strip() == "1")


def is_nothing(value: object) -> bool:
    """Say whether a value says nothing: empty, zero, a dash, or a word for nothing."""
    if value is None or value is False or value == 0 or (isinstance(value, list | tuple | dict) and not value):
        return True
    if not isinstance(value, str):
        return False
    return normal(value) in _NOTHING - {"unknown", "true", "test", "tbd"} or not value.strip(" -_.0")


def names_something(text: str) -> bool:
    """Say whether a text can be a reference: not a dash, not zero, not a word for nothing or for an outcome."""
    word = normal(text)
    if word in _NOTHING or word in _AGREES or word_of(text) != "unclear":
        return False
    return any(letter.isalnum() and letter != "0" for letter in text)
