"""What a notice must have before an officer may approve it: who sends it, whom to call, no promise of a past day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from engine.kernel.errors import DecisionRefused, n_
from engine.notices.kinds import notice_kinds
from engine.terms.calendar import BusinessCalendar

NO_SERVER = n_("no mail server is set: what goes by mail lies in the spool on this machine, and nobody is told")
NO_ADDRESS = n_("no address outside this machine is set: the notice cannot reach whom it is for")
NO_GATEWAY = n_("no gateway for clients is set: clients are told of nothing until a person hands their notices over")
NO_NAME = n_("the name of the organisation is missing in its notices; they cannot be approved")
NO_BIN = n_("the BIN of the organisation is missing in its notices; they cannot be approved")
NO_CONTACT = n_("whom to call is missing in the notices; they cannot be approved without a telephone number")
NO_CONTACT_KK = n_(
    "whom to call is written in one language only; Kazakh notices give no more of it than the telephone number"
)
NO_ALERTS = n_("alerts go to an address on this machine; set whom they wake")
NO_NCANODE = n_("digital signatures are required and nothing checks them: no notice can be approved")
NO_IIN = n_("{person} may approve notices and cannot sign them: no IIN is recorded for that account")
TWO_SIDED = n_("account {user}: it works on incidents and approves their notices; give the person two accounts")
ALL_SET = n_("ok: notices have a way out to whom they are for")
UNKNOWN = "unknown"
"""Stands in a message for a machine where the facts do not say."""
PLACEHOLDER = "QORGAU_ORGANISATION"
"""Stands in a draft where the settings say nothing of the organisation."""
_SETTING = re.compile(rf"{PLACEHOLDER}_[A-Z]+")
CONTACT = "contact"
FEWEST_DIGITS = 3
"""Digits of a contact that may be a telephone number; short numbers such as 1414 are ones."""
PROMISES = ("next", "planned")
"""The fields that say by when something will be done."""
_DAY = re.compile(r"\b(\d{2})\.(\d{2})\.(\d{4})(?: (\d{2}):(\d{2}))?\b")
Content = Mapping[str, Mapping[str, str]]


def gaps(
    kind: str, content: Content, *, at: datetime, calendar: BusinessCalendar | None
) -> Iterator[DecisionRefused]:  # fmt: skip
    """Yield each thing that a notice lacks, as the refusal to approve it."""
    empty = sorted({name for fields in content.values() for name, text in fields.items() if not text.strip()})
    if "late" in empty:
        yield DecisionRefused("say first in the notice why it comes later than the term, in every language")
    if others := tuple(it for it in empty if it != "late"):
        yield DecisionRefused("the notice has empty fields: {empty}", empty=others)
    settings = unset(content)
    if settings:
        yield DecisionRefused("the notice does not say who sends it: set {settings}", settings=settings)
    spec = notice_kinds().get(kind)
    if spec is not None and spec.per == "client" and not has_telephone(content):
        yield DecisionRefused("the notice names no telephone that its reader can call: set {settings}",
                              settings=(f"{PLACEHOLDER}_CONTACT",))  # fmt: skip
    if spec is not None and spec.form == "message" and (fields := not_known(content)):
        yield DecisionRefused(
            "the message says of {fields} that it is unknown; write what is known, or in own words that nobody knows",
            fields=fields,
        )
    past = broken_promise(content, at, calendar) if calendar is not None else ""
    if past:
        yield DecisionRefused("the notice promises something for {day}, which has passed", day=past)


def not_known(content: Content) -> tuple[str, ...]:
    """Return the fields of a message for a machine that say no more than that nobody knows."""
    return tuple(name for name, text in content.get("json", {}).items() if text.strip() == UNKNOWN)


def unset(content: Content) -> tuple[str, ...]:
    """Return the settings of the organisation that a draft has no values of."""
    found = (name for fields in content.values() for text in fields.values() for name in _SETTING.findall(text))
    return tuple(dict.fromkeys(found))


def has_telephone(content: Content) -> bool:
    """Say whether a notice names whom to call, in every language that it speaks."""
    contacts = [fields[CONTACT] for fields in content.values() if CONTACT in fields]
    return all(sum(ch.isdigit() for ch in it) >= FEWEST_DIGITS for it in contacts)


def broken_promise(content: Content, at: datetime, calendar: BusinessCalendar) -> str:
    """Return a day of a promise that has passed already, empty when there is none."""
    for text in _promises(content):
        for found in _DAY.finditer(text):
            day, month, year, hour, minute = (int(part) if part else None for part in found.groups())
            assert day is not None and month is not None and year is not None
            try:
                until = datetime(
                    year, month, day, 23 if hour is None else hour, 59 if minute is None else minute, tzinfo=UTC
                )  # fmt: skip
            except ValueError:
                continue  # digits that are no day
            if until < calendar.local(at).replace(tzinfo=UTC, second=0, microsecond=0):
                return found[0]
    return ""


def _promises(content: Content) -> Iterator[str]:
    return (fields[name] for fields in content.values() for name in PROMISES if name in fields)
