"""What other systems answered, in the language spoken here: our own words are said in it, theirs stand in quotes.

Records keep what was written down when the answer came. A text that has no form of ours is theirs.
"""

from __future__ import annotations

import re

from engine.kernel.errors import n_
from reports.messages import say, spoken

_SYSTEMS = {
    "collections": n_("collection system"),
    "loans": n_("loan system"),
    "bureau": n_("credit bureau"),
    "access": n_("access system"),
    "afc": n_("Anti-Fraud Centre"),
    "client-gateway": n_("gateway for clients"),
    "portal": n_("portal"),
    "pkb": n_("First Credit Bureau"),
    "gkb": n_("State Credit Bureau"),
}
"""Short name of a system that takes orders → how people call it."""
_SUBJECTS = {
    "client": n_("client {id}"),
    "loan": n_("loan {id}"),
    "user": n_("account {id}"),
    "session": n_("session {id}"),
    "device": n_("device {id}"),
    "address": n_("address {id}"),
    "workstation": n_("workstation {id}"),
    "account": n_("bank account {id}"),
}
_OURS = tuple(
    (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text))), text)
    for text in (
        n_("HTTP {status} without a JSON object: it says nothing of the subjects"),
        n_("HTTP {status} is no whole answer"),
        n_("HTTP {status}: taken, not yet done"),
        n_("HTTP {status} from {system}"),
        n_("the system says that it is not done yet"),
        n_("the answer says no outcome for it"),
        n_("done without a reference"),
        n_("an entry names no subject of the order"),
        n_("it names no loan"),
        n_("no address is configured for the system '{system}'"),
        n_("by the first contract"),
        n_("refused by the gateway"),
        n_("the gateway's answer does not name it"),
        n_("the gateway's answer says neither accepted nor refused"),
        n_("ConnectError from {system}"),
        n_("ConnectTimeout from {system}"),
        n_("ReadTimeout from {system}"),
        n_("{error} from {system}"),
        n_("outcome {theirs}"),
        n_("settled meanwhile"),
    )
)
_FROM = re.compile(r"(?s)(.*) \(([a-z-]+)\)")
_SUBJECT = re.compile(r"(?s)([a-z]+:[^\s:]+): (.*)")


def system(name: str) -> str:
    """Return how people call a system that takes orders; one of a name of its own keeps it."""
    if spoken() == "en":
        return name
    first, _, rest = name.partition(":")
    called = say(_SYSTEMS[first]) if first in _SYSTEMS else first
    return f"{called}, {system(rest)}" if rest else called


def subject(name: str) -> str:
    """Return whom or what an order names, such as ``client:c-1``."""
    kind, _, key = name.partition(":")
    return name if spoken() == "en" or kind not in _SUBJECTS else say(_SUBJECTS[kind], id=key)


def answer(recorded: str) -> str:
    """Return what came of an order or a notice, as it was recorded."""
    if spoken() == "en" or not recorded:
        return recorded
    if (found := _FROM.fullmatch(recorded)) and found[2] in _SYSTEMS:
        return f"{answer(found[1])} ({system(found[2])})"
    if found := _SUBJECT.fullmatch(recorded):
        return f"{subject(found[1])}: {answer(found[2])}"
    for form, text in _OURS:
        if said := form.fullmatch(recorded):
            values = {name: system(it) if name == "system" else it for name, it in said.groupdict().items()}
            if "theirs" in values:
                values["theirs"] = f"«{values['theirs']}»"
            return say(text, **values)
    return f"«{recorded}»"
