"""Texts beside an outcome: whether a reason, a message or a remark says that it was refused, failed or put off.

A word of a failure that is about something else ("failed disk replaced", "no errors") speaks against nothing; whatever
else holds one does, for unknown is not done.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from engine.governance.words import FAILED, POSTPONED, said, word

_CALM = re.compile(
    r"\b(?:no|0|zero|without|free of)\s+(?:\w+\s+)?(?:errors?|failures?|failed|faults?|refusals?|rejections?)\b"
    r"|\b(?:no|zero)\s+exceptions?\b(?! granted)"
    r"|\b(?:fraud|suspicions?|signs?|violations?|malware|threats?|deviations?|vulnerabilit\w+)\b[^.,;:]{0,30}"
    r"\bnot\s+(?:been\s+)?(?:confirmed|found|detected|present|identified|established)\b"
    r"|\bfailed (?:log-?ins?|log-?ons?|sign-?ins?|passwords?)(?: attempts?)?\b"
    r"|\b(?:без|нет|0)\s+(?:\w+\s+)?(?:ошиб\w+|отказ\w+|сбо\w+|отклонени\w+)"
    r"|\b(?:ошибок|отказов|сбоев|отклонений)\s+(?:нет|не\s+\w+)"
    r"|\b(?:подозрени|мошенничеств|признак|факт|нарушени|угроз|уязвимост)\w*[^.,;:]{0,40}"
    r"\bне\s+(?:подтверд|выявл|обнаруж|установл|был|найден|име)\w*"
    r"|\b(?:қате\w*|ақау\w*)\s+(?:жоқ|табылған жоқ|табылмады|анықталмады)"
    r"|\b(?:алаяқ|күдік|белгі|бұзушылық|қауіп|осалдық)\w*[^.,;:]{0,40}(?:расталмады|анықталмады|табылмады|болған жоқ)"
)
"""What says that nothing was wrong."""
_STRONG = re.compile(
    r"\bnot\s+(?:(?:yet|been|be|fully|completely|successfully|really)\s+)?"
    r"(?!required\b|needed\b|affected\b|expected\b|listed\b|limited\b|related\b|shared\b|detected\b)"
    r"(?:\w+ed|done|yet|possible|ok|valid|sent|met|taken|given|made|held|paid|found|working|able|available|run)\b"
    r"|\b(?:isn't|wasn't|weren't|hasn't|haven't|didn't|doesn't|can't|cannot|can not|couldn't|could not|won't|wont|"
    r"will not|did not|does not|unable|impossible)\b"
    r"|\b(?:will|shall)\s+be\b|\bto be (?:done|fixed|patched|removed|revoked|sent|published|examined|decided)\b"
    r"|\bwill\s+(?:do|fix|patch|revoke|remove|send|handle|happen|follow|publish|examine)\b"
    r"|\b(?:deferred|postponed|rescheduled|on hold|tomorrow|pending|awaiting|waiting for|in progress|queued)\b"
    r"|\bnext (?:week|month|quarter|year|sprint|release)\b|\b(?:do|done|until|till|try)\s+later\b|\blater$|\bnot now\b"
    r"|\b(?:scheduled|planned)\s+(?:for|on|to|at|in|next)\b|\breopen\w*|\bdry[- ]?run\b|\bsimulat\w+|\bpartial(?:ly)?\b"
    r"|\b(?:still|remains?)\s+(?:vulnerable|open|active|present|exploitable|enabled|failing|affected|there|exposed|has|"
    r"have|not|works|accessible)\b"
    r"|\b(?:exceptions?|exemption|waiver)\b[^.,;]{0,20}\b(?:granted|approved|accepted|given|issued)\b"
    r"|\b(?:granted|approved)\s+(?:an?\s+)?(?:exception|exemption|waiver)\b|\bwaived\b|\bworkaround\b"
    r"|\baccept(?:ed|ing)?\s+(?:the\s+)?risk|\brisk\s+(?:was\s+|is\s+)?accept|\bfalse positive\b"
    r"|\brolled back\b|\breverted\b"
    r"|\b(?:failed|refused|refuses|declined)\s+to\b|\bnothing\s+(?:was\s+)?\w+ed\b|\bnothing done\b"
    r"|\bне\s+(?!требу|нуж|только|поздне|позже|мене|боле|связан|затр|ране)\w+|\bнельзя\b|\bневозможно\b|\bбуд(?:ет|ут)\b"
    r"|\bотлож\w+|\bперенес[её]н\w*|\bзавтра\b|\bпозже\b|\bожида\w+|\bпланирует\w*|\bзапланирован\w*"
    r"|\bв (?:работе|процессе|очереди|обработке)\b|\bвс[её] ещ[её]\b|\bпо-прежнему\b|\bна следующ\w+|\bчастично\b"
    r"|\bисключени\w+\s+(?:предостав|соглас|одобр|выда|утвержд)|ложное срабат|приняти\w+ риска|принят\w* риск|"
    r"риск\w* принят|\bотка(?:т|чен)\w*|\bоткры\w+ (?:снова|заново)"
    r"|\w+(?:мады|меді|бады|беді|пады|педі|маған|меген|баған|беген|паған|пеген|майды|мейді|байды|бейді)\b|\bемес\b"
    r"|бас тарт|кейінге қалдыр|\bертең\b|\bкүт(?:уде|ілуде)\b|жоспарлан|\bкезекте\b|\b(?:өңделуде|орындалуда)\b|\bәлі\b"
    r"|\bішінара\b|\bжартылай\b|тәуекел қабылдан"
)
"""What can mean nothing but that it was not done, or not yet, or that somebody lives with it."""
_WEAK = (
    r"\b(?:refus|reject|declin|denied|denies|denial|fail|cancel|expir|error|timeout|timed out|invalid|abort|forbid|"
    r"forbad|unauthori[sz]ed|unsuccess|crash|отказ|отклон|ошиб|сбой|сбоя|сбое|неуспе|неудач|провал|отмен|истек|истёк|"
    r"просроч|недейств|прерв|аннулир|қате|сәтсіз|жарамсыз|болдырыл|мерзімі өт)\w*"
)
_MENDED = (
    r"\b(?:replaced|removed|fixed|resolved|corrected|repaired|restored|renewed|reissued|rotated|solved|patched|cleaned|"
    r"замен[её]н\w*|удал[её]н\w*|устран[её]н\w*|исправлен\w*|восстановлен\w*|перевыпущен\w*|"
    r"ауыстырылды|түзетілді|қалпына келтірілді|жойылды)\b"
)
_ABOUT_ELSE = re.compile(
    rf"{_WEAK}(?:\s+\w+){{0,2}}?\s+{_MENDED}|{_MENDED}\s+(?:\w+\s+)?(?:after|following|despite|после)\s+(?:\w+\s+){{0,2}}{_WEAK}"
)
_FAILURE = re.compile(_WEAK)
_OF_ACTIONS = {
    "revoked": re.compile(r"\b(?:revoked|отозван\w*)\b"),
    "cancelled": re.compile(r"\b(?:cancell?ed|отмен[её]н\w*)\b"),
}
"""In a type that states this itself, the word says that it was done."""
_CLAUSE = re.compile(r"[.;:,!?()\n–—|]| - ")


def refuses(value: Any, action: str = "") -> bool:
    """Say whether a text says that it was refused, failed or put off; ``action`` is the type of the event."""
    return any(
        _refuses(str(one)[:2_000], action)
        for one in (value if isinstance(value, list | tuple) else (value,))
        if said(one)
    )


@lru_cache(maxsize=2_048)
def _refuses(given: str, action: str) -> bool:
    text = _CALM.sub(" ", given.casefold().replace("_", " "))
    if _STRONG.search(text):
        return True
    text = _ABOUT_ELSE.sub(" ", text)
    for ending, own in _OF_ACTIONS.items():
        if action.endswith(ending):
            text = own.sub(" ", text)
    return any(_against(it) for it in _CLAUSE.split(text)) or _FAILURE.search(text) is not None


def _against(clause: str) -> bool:
    return word(clause) in FAILED | POSTPONED
