"""Phrases of records and figures in the language spoken here: terms, periods, titles of incidents, steps of playbooks.

Records keep the English they were written in. What has the form that the engine writes is said in the language of the
reader; anything else is what somebody wrote, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from engine.kernel.errors import n_
from reports.messages import day, ngettext, say, spoken, word
from reports.said.reasons import reason

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_POLICY = re.compile(r"(\d+) ([a-z_]+), ([a-z]+)")
_SEVERITY = re.compile(r"severity (\S+) is that of rule (\S+) (\S+?)(?:; the law's duties hold for the class (\S+))?")
_RULE = re.compile(r"rule ([a-z0-9-]+)")
_SKIPPED = re.compile(r"(\d{4}-\d{2}-\d{2}) (.+)")
_PLACE = re.compile(r"__(\w+?)__:value")
_PROOF = re.compile(r"([a-z.-]+\.v\d+) at position (\d+)")
_CHAPTER = re.compile(r"\bch\.(\d+)( (?=item\b))?")
_ITEM = re.compile(r"\bitem (\d+(?:\(\d+\))?)")
_OWN_TERM = n_("none: the product's own")
_BY_HAND = n_("the day that was set")
Words = Mapping[str, Mapping[str, str]]


def term(n: int, unit: str) -> str:
    """Return the length of a term in words; a unit that is not ours stays as it is."""
    match unit:
        case "business_day":
            return ngettext("{n} business day", "{n} business days", n)
        case "business_hour":
            return ngettext("{n} business hour", "{n} business hours", n)
        case "calendar_day":
            return ngettext("{n} calendar day", "{n} calendar days", n)
        case "hour":
            return ngettext("{n} hour", "{n} hours", n)
        case "minute":
            return ngettext("{n} minute", "{n} minutes", n)
        case "month":
            return ngettext("{n} month", "{n} months", n)
        case "month_close":
            return ngettext("{n} month, to the close of the day", "{n} months, to the close of the day", n)
        case "year":
            return ngettext("{n} year", "{n} years", n)
        case "year_close":
            return ngettext("{n} year, to the close of the day", "{n} years, to the close of the day", n)
        case "business_day_before":
            return ngettext("{n} business day before", "{n} business days before", n)
    return f"{n} {unit}"


def policy(recorded: str) -> str:
    """Return how a clock was counted, such as ``1 business_day, strict``, in words."""
    found = _POLICY.fullmatch(recorded)
    if found is None:
        return say(_BY_HAND) if recorded == _BY_HAND else recorded
    return say("{term}, {reading} reading", term=term(int(found[1]), found[2]), reading=word(found[3]))


def proof(recorded: str) -> str:
    """Return what satisfied a clock; a fact that stands for it is shown by the number of its entry."""
    found = _PROOF.fullmatch(recorded)
    return say("{topic}, entry no. {n}", n=found[2], topic=found[1]) if found and spoken() != "en" else recorded


def clause(recorded: str) -> str:
    """Return a citation, such as ``SMARTOLET ch.4 item 23; item 37``, in the words of the language spoken here."""
    if spoken() == "en":
        return recorded
    if recorded == _OWN_TERM:
        return say(_OWN_TERM)
    text = _CHAPTER.sub(lambda it: say("ch.{n}", n=it[1]) + (", " if it[2] else ""), recorded)
    return _ITEM.sub(lambda it: say("item {n}", n=it[1]), text)


def skipped(recorded: str) -> str:
    """Return a day that a term does not count, with the reason, such as ``2026-11-28 weekend``."""
    found = _SKIPPED.fullmatch(recorded)
    return f"{day(found[1])} {say(found[2])}" if found else recorded


def why(recorded: str) -> str:
    """Return why something was recorded: severity and duties as ``engine.incidents.triage`` has them, or else."""
    if by_rule := _RULE.fullmatch(recorded):
        return say("rule {name}", name=by_rule[1])
    found = _SEVERITY.fullmatch(recorded)
    if spoken() == "en":
        return recorded
    if found is None:
        return reason(recorded)
    severity, rule, version, duties = found.groups()
    text = say("severity {severity} is that of rule {rule} {version}", severity=word(severity), rule=rule,
               version=version)  # fmt: skip
    if duties:
        text += "; " + say("the law's duties hold for the class {incident_class}", incident_class=word(duties))
    return text


def titled(title: str, words: Words) -> str:
    """Return the title of an incident, or of a rule, with the name of the rule in the language spoken here.

    ``words`` has the names of the rules in other languages by the title of the rule. What people titled stays.
    """
    if spoken() == "en":
        return title
    ends = [found.start() for found in re.finditer(": ", title)]
    for end in (*ends, len(title)):
        if found := words.get(title[:end]):
            return (found.get(spoken()) or found.get("ru") or title[:end]) + title[end:]
    return title


def placed(description: str) -> str:
    """Return the message id of an instruction of a playbook: its variables are named places."""
    return _PLACE.sub(r"{\1}", description)


def instruction(description: str, recorded: str, variables: Mapping[str, object]) -> str:
    """Return what a step of a playbook asks for; without a description of ours, what was recorded."""
    if not description or spoken() == "en":
        return recorded
    values = {name.strip("_"): "—" if value is None or value == "" else value for name, value in variables.items()}
    return say(placed(description), **values)


def chart_label(label: str) -> str:
    """Return a month or a day under a bar: 11 or 11-27 in English, the name of the month or 27.11 else."""
    if spoken() == "en":
        return label[5:]
    from babel.dates import format_date

    if len(label) > 7:
        return format_date(date.fromisoformat(label), "dd.MM", locale=spoken())
    return format_date(date.fromisoformat(f"{label}-01"), "LLL", locale=spoken())


def period(name: str) -> str:
    """Return the name of a month, such as ``2026-11``, in words; English readers see it as it is."""
    found = _MONTH.fullmatch(name)
    if found is None or spoken() == "en" or not 1 <= int(found[2]) <= 12:
        return name
    from babel.dates import format_skeleton

    text = format_skeleton("yMMMM", date(int(found[1]), int(found[2]), 1), locale=spoken())
    return text.replace("\u202f", "\xa0")  # not every font has the narrow space
