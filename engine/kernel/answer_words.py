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
    "in-work", "under-review", "async", "later", "retry", "registered",
    "on-hold-for-review",
    "в-очереди", "очередь", "в-обработке", "обрабатывается", "принято", "принят", "принята", "получено", "ожидает",
    "ожидание", "в-ожидании", "запланировано", "в-работе", "отложено", "позже", "в-процессе", "еще-нет", "ещё-нет",
    "кезекте", "өңделуде", "қабылданды", "күтуде", "жоспарланды", "кейін", "әлі-жоқ", "кейінге-қалдырылды",
})  # fmt: skip
AGREES = DONE | {
    "processed", "updated", "closed", "final", "saved", "recorded", "terminated", "cleared", "fulfilled",
    "прекращено", "прекращен", "прекращён", "прекращена", "остановлен", "остановлена", "приостановлено", "исполнен",
    "исполнена", "выполнен", "выполнена", "завершено", "завершен", "завершён", "завершена", "обработано", "обработан",
    "закрыто", "закрыт", "внесено", "внесён", "внесен", "исправлено", "заблокировано", "применено", "снято",
    "аяқталды", "жүзеге-асырылды", "енгізілді", "түзетілді", "бұғатталды", "өңделді", "жабылды",
    "ok", "okay", "yes", "true", "y", "successful", "succeeded", "executed", "finished", "performed", "confirmed",
    "200", "201", "complete", "stopped", "blocked", "held", "flagged", "corrected", "suspended",
    "да", "успешно", "выполнено", "исполнено", "готово", "сделано", "остановлено", "иә", "орындалды", "сәтті",
    "тоқтатылды",
}  # fmt: skip
"""Words that speak for done where they stand beside an outcome of an answer, or in an event of the order's own type;
they are no outcome of an answer themselves."""
WEAK = frozenset({"ok", "okay", "yes", "true", "y", "200", "201", "да", "иә", "confirmed", "recorded", "processed"})
"""Words that agree with what an event's type states, and state nothing where the type states nothing."""
_STRONG = frozenset({
    "refused", "rejected", "failed", "failure", "denied", "declined", "not-done", "not-found", "unable", "refusal",
    "error", "отказ", "отказано", "отказан", "отклонено", "отклонен", "отклонён", "ошибка", "сбой", "неуспешно",
    "қате", "бас-тарту", "бас-тартылды", "бас-тартты", "сәтсіз",
})  # fmt: skip
"""Words that refuse also behind what or whom they are said of: ``L-1: отказ``."""
_NOT_REAL = frozenset({
    "dry-run", "dryrun", "test", "testing", "sandbox", "simulation", "simulated", "simulate", "mock", "preview",
    "draft",
    "demo", "trial", "example", "тест", "тестовый", "имитация", "черновик", "сынақ", "partial", "partially", "частично",
    "ішінара", "жартылай", "doubt", "unclear", "uncertain", "maybe", "unverified", "unconfirmed", "не-подтверждено",
})  # fmt: skip
_NOTHING = frozenset({
    "", "null", "none", "nil", "nan", "n/a", "na", "undefined", "unknown", "true", "false", "ok", "empty", "tbd",
    "test", "no", "n", "нет", "нету", "жоқ", "reference", "n.a.", "not-available", "no-reference",
})  # fmt: skip
TEXTS = frozenset({
    "detail", "details", "message", "msg", "note", "notes", "comment", "comments", "description", "title", "text",
    "info",
    "remark", "remarks", "explanation", "reason", "reason_text", "summary", "сообщение", "комментарий", "примечание",
    "причина", "хабарлама", "түсініктеме", "ескерту", "себеп",
})  # fmt: skip
"""Keys whose text people write."""
VERDICTS = frozenset({
    "status", "state", "result", "outcome", "verdict", "decision", "code", "http_status", "http_code", "status_code",
    "result_code", "response_code", "return_code", "response", "answer", "conclusion", "resolution", "phase", "stage",
    "rc", "ret", "retcode", "exit_code", "exit_status", "errno", "sqlcode", "sql_code",
    "статус", "результат", "состояние", "решение", "итог", "код", "нәтиже", "күй", "мәртебе", "шешім",
})  # fmt: skip
AFFIRMS = frozenset({
    "success", "ok", "succeeded", "successful", "done", "applied", "completed", "complete", "executed", "performed",
    "stopped", "confirmed", "blocked", "held", "released", "processed", "valid", "found", "exists", "final", "finished",
    "acknowledged", "effective", "accepted", "updated", "affected", "changed", "saved", "recorded", "met",
    "fulfilled", "matched", "permitted", "allowed", "written_off", "corrected", "flagged",
    "успех", "успешно", "выполнено", "исполнено", "сәтті", "орындалды",
})  # fmt: skip
AFFIXES = re.compile(
    r"^(?:num|n|count|total|is|has|was|rows|loans|subjects|records|contracts)_|_(?:count|total|number|loans|subjects"
    r"|rows|records|contracts|demands)$"
)
PROGRESS = frozenset({"progress", "percent", "percentage", "percent_complete", "completion", "прогресс", "процент"})
DOINGS = frozenset({"order_type", "order_kind", "kind", "action", "operation", "command", "method", "действие"})
KINDS = re.compile(r"(?:collection|accrual|bureau|client|access|payout|write)-\w+$")
LIFTS = re.compile(r"resum|releas|restor|unflag|unblock|возобнов|разблок|^start|^continu|қайта-баста")
HARMLESS_FLAGS = frozenset({
    "replay", "replayed", "duplicate", "duplicated", "idempotent", "idempotent_replay", "cached", "signed", "secure",
    "notified", "logged", "audited", "authenticated", "ack", "received", "already", "already_done", "has_more",
})  # fmt: skip
REFUSING = re.compile(
    r"(?:^|_)(?:err|error|errors|fail\w*|failure\w*|reject\w*|refus\w*|declin\w*|den(?:y|ied|ial)\w*"
    r"|invalid\w*|missing|"
    r"unknown\w*|unmatched|not|un(?:done|able|applied|processed|successful)|skip\w*|ignor\w*|cancel\w*|revert\w*|"
    r"roll(?:ed)?_?back|abort\w*|exception\w*|fault\w*|problem\w*|expired|revoked|withdrawn|undone|traceback"
    r"|violation\w*|"
    r"stack_?trace|issues|omit\w*|left|left_?over\w*|outstanding|un(?:stopped|blocked_loans|resolved|reached"
    r"|finished|changed|"
    r"delivered|executed|completed)|ошибк\w*|отказ\w*|отклон\w*|отмен\w*|пропущен\w*|не|қате\w*|бас_тарт\w*)(?:_|$)"
)
LATER = re.compile(
    r"(?:^|_)(?:pending|queued\w*|in_queue|remaining|retry|retries|defer\w*|postpon\w*|delay\w*|schedul\w*"
    r"|plan|planned|waiting|"
    r"awaiting|later|next_attempt|todo|eta|requires?|needs?|manual_review|next_step|provisional\w*|preliminary)(?:_|$)"
    r"|^queue$|^queue_(?:position|length|size|depth)$"
)
DOUBTING = re.compile(
    r"(?:^|_)(?:dry|dryrun|simulat\w*|test|testing|sandbox|mock|preview|draft|trial|partial\w*|warn\w*|doubt\w*|"
    r"uncertain\w*|conflict\w*|mismatch\w*|except|excluded|exclud\w*|only|validate_only|what_if|"
    r"temporar\w*|truncated|limit(?:ed|ations?)|временно)(?:_|$)"
)
ORDER = frozenset(
    {"order_id", "orderid", "order_ids", "order_number", "order_no", "order_ref", "in_reply_to", "idempotency_key"}
)
TARGETS = frozenset({"target", "bureau", "bureau_name"})
OF_THEIRS = frozenset({
    "trace", "span", "request", "meta", "metadata", "links", "server", "service", "operator", "agent", "author", "by",
    "performed_by", "done_by", "employee", "user", "manager", "system", "journal", "agency", "department", "record",
    "office", "branch", "source", "job", "ticket", "case", "event",
})  # fmt: skip
"""What an answer may tell of the other system itself: an id in there names nothing of the order."""
SPEAKING = frozenset({
    "status", "state", "result", "dry_run", "outcome", "verdict", "decision", "resolution", "scope", "coverage",
    "accepted", "success", "статус", "результат", "решение", "итог",
})  # fmt: skip
"""Verdicts that also a field of an event may give."""
PLACES = frozenset({"environment", "env", "stand", "mode", "profile", "contour", "среда", "контур", "стенд", "режим"})
NOT_HERE = re.compile(
    r"^(?:test\w*|staging|stage|uat|dev\w*|pre-?prod\w*|qa|sandbox|demo|shadow|valid\w*|read-?only|simulat\w*|dry-?run"
    r"|mock|audit|observ\w*|monitor\w*|passive|preview|trial|тест\w*|имитац\w*|сынақ)(?:-|$)"
)
"""Environments and modes in which nothing is done."""
PART = re.compile(r"\b(?:only|part\w*|some|sms|calls?|e?mail|только|част\w*|смс|звон\w*|тек|ішінара)\b", re.IGNORECASE)
LIFTING = ("resume", "restore", "unflag", "release")
LIFTED = frozenset({"resumed", "released", "restored", "unflagged", "unblocked", "возобновлено", "разблокировано"})
STAYS = (
    "stopped", "blocked", "held", "suspended", "flagged", "terminated", "останов", "приостанов", "прекращ", "заблок",
    "тоқтат", "бұғат",
)  # fmt: skip
RETURNS = frozenset({"rc", "ret", "retcode", "exit_code", "exit_status", "errno", "sqlcode", "sql_code"})
"""Keys of what a program returned: zero is well, everything else is not."""
ERRORS = re.compile(r"(?:^|_)(?:err|errors?|exception|fault|problem|ошибк\w+|қате\w*)(?:_|$)")
ZERO_AGREES = ("code", "код", "rc", "ret", "errno", "exit_status")
WHEN = re.compile(r"_(?:at|on|time|date|from|since)$|^(?:date|time|timestamp|when|at)$|^effective_")
DONE_WHEN = frozenset({
    "done_at", "completed_at", "applied_at", "executed_at", "stopped_at", "blocked_at", "performed_at", "finished_at",
    "effective_at", "effective_from", "held_at", "released_at",
})  # fmt: skip
ENDS = re.compile(
    r"(?:^|_)(?:expires?|expiry|expiration|valid_to|until|till|ttl|ends?|end_(?:date|at|on)|resum\w+|lifts?"
    r"|срок_до)(?:_|$)"
    r"|^(?:duration|period|term|block|hold|stop|lock|pause|suspen\w+|freeze)(?:_for)?_(?:sec\w*|min\w*|hours?"
    r"|days?|weeks?|months?)$|^(?:duration|period|term)$"
)
OF_OTHERS = re.compile(
    r"^(?:session|token|access|archiv\w*|retention|retain\w*|stored|keep|kept|certificate|signature|link|url"
    r"|cache\w*|next|due|deadline)_"
)
"""Beginnings of keys whose instant or end is not that of what was done."""
FOR_GOOD = frozenset({
    "never", "forever", "unlimited", "indefinite", "indefinitely", "permanent", "until-further-notice", "for-good",
    "бессрочно", "навсегда", "мерзімсіз", "постоянно",
})  # fmt: skip
STATUSES = re.compile(
    r"^(?:collection|stop|order|current|accrual|block|access|correction|request|new|final)_(?:status|state"
    r"|result|outcome)$"
)
LIVES = frozenset({"active", "running", "on", "ongoing", "continues", "идет", "идёт", "активно", "белсенді"})
LIFE = re.compile(
    r"^(?:\w+_)?(?:active|collection|accrual|calls|calls_allowed|contacts_allowed|in_collection|accruing|calling)$"
)
"""Flags of what a stop ends: no is what it wants."""
CANCELS = re.compile(r"(?:^|_)(?:cancel\w*|remov\w*|delet\w*|dropp\w*|отмен\w*|снят\w*)(?=_|$)")
CANCELLED = re.compile(
    r"(?:^|_)(?:calls?|tasks?|contacts?|sms|visits?|messages?|letters?|reminders?|campaigns?|claims?|queue"
    r"|звон\w*|задач\w*|контакт\w*|обзвон\w*)(?=_|$)"
)
NUMBERS = {
    "loan": frozenset({
        "contract_number", "contract_no", "agreement_number", "loan_number", "loan_no", "номер_договора",
    }),
    "client": frozenset({"iin", "client_iin", "иин", "жсн"}),
}  # fmt: skip
"""Keys of a second number by which a loan or a client is known, beside its id."""
OPERATORS = frozenset({"administrator", "system", "root", "api", "service", "operator", "robot", "bot"})
HELD = re.compile(r"^(?:on_|in_)?(?:stop|block|black)_?list(?:ed)?$")
_THINGS = r"(?:взыскан|звон|контакт|обзвон|рассыл|начислен|штраф|пен[яи]|смс|визит|претензи|задач)\w*"
_HARMLESS = re.compile(
    rf"\bотмен[её]н\w* (?:\w{{1,20}} ){{0,2}}{_THINGS}|\b{_THINGS} (?:\w{{1,20}} ){{0,2}}отмен[её]н\w*"
    rf"|\bвзыскание невозможно\b"
    rf"|\bотказ\w* (?:в|от) (?:дальнейш\w+ )?{_THINGS}|\bневозможн\w+ {_THINGS}"
    r"|\b(?:calls?|contacts?|sms|tasks?|visits?|claims?|reminders?|letters?) (?:(?:was|were|are|is|have been"
    r"|has been) )?"
    r"cancell?ed\b|\b(?:cannot|can't|could not|won't|will not) (?:be )?(?:made|call|called|contact|contacted|charged?"
    r"|collect|collected|accrued?)\b|\bdid not object\b|\b(?:no|without|without an|нет|без) (?:errors?|ошибок)\b",
    re.IGNORECASE,
)
"""What sounds like a refusal, and tells what the order wants."""
_DOING = (
    r"(?:stopped|blocked|applied|executed|done|performed|completed|processed|suspended|corrected|carried out|ceased"
    r"|terminated|flagged|written off|resolved|reached|delivered|accepted|updated|removed)"
)
_MADE = (
    r"(?:найден|выполн|исполн|остано|приостано|прекра|применен|применён|принят|произвед|проведен|проведён|осуществ"
    r"|отключ|завершен|завершён|снят|измен[её]н|обработан|заблокирован|внесен|внесён|исправл|закрыт|обнаружен"
    r"|подтвержд|удалось|удается|удаётся|могу|может|можем|возможно|существует|числится|значится|исключен|исключён)"
)
_WORKS = r"(?:calls?|collection|contacts?|sms|messages|visits|accruals?|interest|claims?|collectors?|dialing|dunning)"
_PHRASES = re.compile(
    rf"\b(?:not|never) (?:yet )?(?:be |been )?(?:{_DOING}|found|possible|yet|allowed|supported|permitted|changed|our"
    r"|known|registered|available|(?:in|on) (?:our|the) (?:system|list|register|records?|base|portfolio|database))\b"
    r"|\b(?:unknown|no such|another|wrong) (?:loan|client|contract|order|account|user|borrower|customer|subject)\b"
    r"|\bother (?:loan|client|contract|order|account|user|borrower|customer|subject)\b(?! (?:of|is|was|untouched))"
    r"|\b(?:loan|client|contract|order|account|borrower|customer) \S{1,40} (?:is |was )?(?:unknown"
    r"|missing)\b|\bdry[- ]run\b"
    r"|\b(?:will|shall|to|going to) be (?:stop|appl|process|execut|block|complet|handl|review|done|carried|correct"
    r"|perform|suspend)|\b(?:will|shall) (?:stop|appl|process|execut|block|complet|handl|review|correct|perform|do)"
    r"|\b(?:was|were|is|are|has been|have been) (?:refused|rejected|denied|declined|cancell?ed|reverted|rolled back)\b"
    r"|\b(?:unable|failed|refused|refuses) to\b|\b(?:cannot|could not|can't|couldn't|didn't|did not|won't|hasn't"
    r"|haven't|isn't|wasn't|weren't)\b|\bdoes not exist\b|\bimpossible\b|\btimed out\b|\bhttp[ /]?[45]\d\d\b"
    r"|\bnothing (?:was |has been )?(?:done|changed|stopped)\b|\bno (?:action|change)s? (?:was |were |is )?taken\b"
    rf"|\b{_WORKS} (?:still )?(?:goes? on|going on|continues?|resum\w+|remains? active|(?:is|are) (?:still )?(?:active"
    r"|running|on|ongoing|continuing|resumed))\b|\bstill (?:active|running|calling|open|collecting|in (?:collection|the"
    r" dialer)|being|vulnerable)\b|\bstays? (?:in|on|active)\b|\b(?:errors?|exceptions?) (?:has |have )?(?:occurred"
    r"|happened|while|when|during|in|at|writing)\b|\w(?:exception|error):|\bexcept\b|\b(?:tomorrow|next week)\b"
    rf"|\bonly (?:\S{{0,20}}\d\S{{0,20}}|one|part|partly|some|sms|calls)\b|\b(?:sms|calls|part) only\b"
    rf"|\bpart(?:ly|ially) {_DOING}"
    rf"|\b(?:{_DOING}|held|paused|frozen) (?:\w{{1,20}} )?(?:until|till) (?!further)"
    rf"|\b(?:{_DOING}|held|paused|frozen) for \d"
    r"|\btemporar\w+"
    r"|\b(?:waiting|awaiting|waits|pending) (?:for )?(?:\w{1,20} )?(?:approval|confirmation|decision|review)"
    r"|\b(?:needs|requires|subject to) (?:\w{1,20} )?(?:approval|confirmation|review)|\bin (?:the )?(?:test|uat"
    r"|staging|sandbox) ?(?:environment|system|mode)?\b|\b(?:deferred|postponed|scheduled for|queued for)\b"
    r"|\b(?:взыскание|начислени[ея]|звонки|обзвон|контакты|рассылка"
    r"|претензии) (?:(?!не )\S{1,40} ){0,2}(?:продолж|возобнов"
    r"|идет|идёт|идут|вед[её]тся|ведутся)|\bпо[- ]прежнему\b|\bжалғас(?:уда|ады|тырылуда|ып)\b"
    r"|\bбуд(?:ет|ут|ем) (?:\w{1,20} )?(?:остано|выполн|исполн|примен|внес|рассмотр|заблокир|обработ|исправл"
    r"|прекращ|произвед)"
    r"|\b(?:остановим|прекратим|исполним|выполним|сделаем|заблокируем|применим|внес[её]м|завтра|ертең|тоқтатамыз"
    r"|орындаймыз|тоқтатылады|орындалады)\b|\bне (?:был[аио]? |будет |будут |является )?"
    + _MADE
    + r"|\b(?:отказано|отклонено|отменено|невозможно|нельзя|частично|временно|ішінара|уақытша|кроме|за исключением)\b"
    r"|^(?:required|needed|требуется|қажет)$|^отказ\b"
    r"|\bотказ (?:банка|системы|сервера|оператора)|\bнет (?:такого|такой|договора|клиента|в (?:базе|системе))"
    r"|\bнеизвестн\w+ (?:договор|клиент|заем|заём)|\b(?:произошла|возникла) ошибка|\bошибк\w+ (?:при|в|во"
    r"|записи|связи)\b|\bтолько (?:по|для|за) \S{0,20}\d|\bтолько (?:смс|sms|звонки|часть|частично|один|одн\w+)\b"
    r"|\b(?:остановл|приостановл|прекращ|заблокир)\w* (?:\w{1,20} )?(?:до (?:\d|завтра|понед|конца)|на \d)"
    r"|\b\d\S{0,20} дейін тоқтат"
    r"|\b(?:ожида\w+|требу\w+|жд[её]\w+) (?:\w{1,20} )?(?:согласов|подтвержд|одобр|решени|рассмотр)"
    r"|\bна (?:согласовани|рассмотрени"
    r"|утверждени)\w|\b(?:передан|принят|поставлен|отправлен)\w* (?:в (?:обработку|работу|очередь)"
    r"|на исполнение)|\bтестов\w+"
    r" (?:контур|сред|стенд|режим)|\b(?:остановк|блокировк|приостановк)\w (?:\w{1,20} )?отмен|\b\w+[ғг][ае]н жоқ\b"
    r"|\b(?:access|permission|connection|request|order|operation|\w{1,20}-\d{1,20}\S{0,20}) (?:(?:was|is"
    r"|has|has been) )?(?:denied|failed"
    r"|refused|rejected|declined|missing|reverted)\b|\bnot all\b|\bне все\b|\bone of\b|\b(\d{1,6}) (?:of|из) (?!\1\b)\d"
    r"|\bno (?:loan|contract|client|record|match)s? (?:with|by|for|found)\b"
    r"|\b(?:do|does) not (?:know|exist|apply|match)\b"
    r"|\binsufficient\b|\bнедостаточно\b|\bнет (?:прав|доступа)\b|\bнедоступ(?:ен|на|но|ны)\b"
    r"|\bunavailable\b|\btimeout "
    r"|\bна обслуживании\b|\bunder maintenance\b|\b(?:изменени|операци|заявк|запрос|распоряжени|приказ|поручени)\w*"
    r" (?:\w{1,20} )?(?:отмен[её]н|отклон[её]н|отозван|откач)|\b(?:we|they|i) (?:refuse|decline|reject)\b"
    r"|\bwill (?:go on|continue)\b"
    rf"|\b{_WORKS} (?:was|were|has been|have been) (?:resumed|restarted|continued)\b|\b(?:in|by) simulation\b"
    rf"|\bsimulated\b"
    r"|\btest only\b|\bэто тест\b|\bдемо-режим"
    r"|\bна (?:\d+ (?:мин|час|дн|ден|сут|нед|мес)|месяц|неделю|сутки|время|час\b)"
    r"|\bfor a (?:month|week|day|while|few|year)\b|\bexpires? (?:in|on|at)\b|\bдо конца (?:дня|недели|месяца|года)"
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
_CALM_ERRORS = _CALM | {
    "no-error", "no-errors", "none", "без-ошибок", "нет-ошибок", "нет-ошибки", "ошибок-нет", "ошибки-нет", "қатесіз",
    "without-errors", "success", "successful", "succeeded", "ok", "okay", "успешно", "сәтті", "00", "000", "s0000",
}  # fmt: skip
_SHORT = 4
"""Words of a text that may still be read as one word with a negation; a longer one is a sentence."""


def normal(text: str) -> str:
    """Write a word in one way, however it is capitalised and spaced."""
    return "-".join(text.strip().rstrip(".!").casefold().replace("_", " ").replace("-", " ").split())


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
    if normal(value) in AGREES:
        return "done"
    said = [word_of(it) for it in _clauses(value)]
    return next((it for it in said if it in ("refused", "pending")), "unclear")


def _clauses(text: str) -> list[str]:
    return [it for it in _CLAUSE.split(text) if it.strip()]


def against(text: str) -> tuple[Said, str] | None:
    """Say whether a text speaks against done: by its first words, by a refusal behind whom it is said of, or by a
    phrase that can mean nothing else."""
    text = _HARMLESS.sub(" ok ", text)
    parts = _clauses(text)
    said = word_of(parts[0]) if parts else "unclear"
    if said in ("refused", "pending"):
        return said, text
    if any(normal(it) in _STRONG for it in parts[1:]):
        return "refused", text
    if normal(text) in _NOT_REAL or (parts and normal(parts[0]) in _NOT_REAL):
        return "unclear", text
    return ("unclear", text) if _PHRASES.search(text) or text.lstrip().startswith("<") else None


def doubts(value: object) -> bool:
    """Say whether a word casts a doubt, other than by being unknown: a part, a trial, a sentence against done."""
    return not isinstance(value, str) or normal(value) in _NOT_REAL or against(value) is not None


def calm(value: object) -> bool:
    """Say whether what stands where an error would stand says that there is none."""
    return isinstance(value, str) and (normal(value) in _CALM_ERRORS or normal(value) in _CALM)


def is_no(value: object) -> bool:
    """Say whether a value says no: false, zero, or a word for it."""
    if isinstance(value, bool | int | float):
        return not value
    return isinstance(value, str) and (word_of(value) == "refused" or (bool(value.strip()) and not value.strip(" 0.")))


def is_yes(value: object) -> bool:
    """Say whether a value says yes: true, one, or a word for it."""
    if isinstance(value, bool | int | float):
        return value == 1
    return isinstance(value, str) and (normal(value) in AGREES or value.strip() == "1")


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
    if word in _NOTHING or word in AGREES or word_of(text) != "unclear":
        return False
    return any(letter.isalnum() and letter != "0" for letter in text)
