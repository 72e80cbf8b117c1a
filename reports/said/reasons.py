"""The reasons that the engine writes into history, in the language spoken here; what people wrote stays as it is."""

from __future__ import annotations

import re

from engine.kernel.errors import n_
from reports.messages import say, word

_FORMS = tuple(
    (re.compile("(?s)" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(text))), text)
    for text in (
        n_("the law's duties do not hold"),
        n_("the incident was merged into another one"),
        n_("there is no client left whom it would tell"),
        n_("the client's finding went to another incident"),
        n_("what joined the incident is not remedied yet"),
        n_("the duty is owed again"),
        n_("the act is not genuine"),
        n_("the text was changed"),
        n_("an earlier detection joined the incident"),
        n_("not confirmed yet: {subjects}"),
        n_("everything that was ordered is confirmed: {orders}"),
        n_("not notifiable: {reason}"),
        n_("the incident was closed as {disposition}"),
        n_("closed as {disposition}: {reason}"),
        n_("closed as {disposition}"),
        n_("merged into {number}, which owes the duty"),
        n_("moved to {number}, which owes the duty"),
        n_("{number} was merged into this incident and is not contained"),
        n_("{number} was merged into this incident"),
        n_("split from {number}: {reason}"),
        n_("done in {number} before it was merged"),
        n_("the notice came back: {status}"),
        n_("the acknowledgement was taken back: {reason}"),
        n_("the protection was reinstated: {reason}"),
        n_("the loans do not belong to the act: {reason}"),
        n_("joined to another entry of the act: {reason}"),
        n_("the calendar is now {version}"),
    )
)
_CHANNELS = {
    "confirmed-by-person": n_("said by a person"),
    "spool": n_("the spool on this machine"),
    "by hand": n_("by hand"),
}


def reason(recorded: str) -> str:
    """Return why something was recorded."""
    for form, text in _FORMS:
        if found := form.fullmatch(recorded):
            values = found.groupdict()
            if "disposition" in values:
                values["disposition"] = word(values["disposition"])
            if "orders" in values:
                values["orders"] = ", ".join(map(word, values["orders"].split(", ")))
            return say(text, **values)
    return recorded


def channel(recorded: str) -> str:
    """Return by which way a notice went: ``by hand: courier`` keeps what the person named."""
    first, colon, rest = recorded.partition(": ")
    called = say(_CHANNELS[first]) if first in _CHANNELS else first
    return f"{called}{colon}{rest}"
