"""What the console says when an act was done, in words that need what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.governance.register import builtin_register
from engine.kernel.errors import n_
from engine.rule_life import commands as rules
from infra.read.rows.incidents import number_of
from infra.web.console.fields import Sent
from reports.messages import ngettext, say
from reports.phrases import clause

Said = Callable[[Sent, Any], str]


def either(done: str, proposed: str) -> Said:
    """Return what is said of an act that two persons do: done, or proposed."""
    return lambda sent, outcome: say(done if outcome.decided else proposed)


def split_off(sent: Sent, outcome: Any) -> str:
    """Say the number of the incident that was split off."""
    number = number_of(sent.container.database, outcome.id)
    return say("Split off as {number}.", number=number or outcome.id)


def tuned(sent: Sent, outcome: Any) -> str:
    """Say whether the tests of a new version of a rule hold."""
    tried = sent.container.dispatch(rules.TryRule(rule=outcome.name, version=outcome.version), by=sent.by)
    failed = len(tried.failed)
    if failed:
        return say("Version {version} written; {n} of its tests fail.", version=outcome.version, n=failed)
    return say("Version {version} written; its tests hold.", version=outcome.version)


def feed(sent: Sent, outcome: Any) -> str:
    """Say the address of a calendar feed, once."""
    here = f"{sent.address['base']}calendar/{outcome.token}.ics"
    return say("Add this address to your calendar program; it is shown once: {address}", address=here)


def approved(sent: Sent, outcome: Any) -> str:
    """Say how many notices to clients were approved."""
    return ngettext("{n} client notice approved.", "{n} client notices approved.", outcome.count)


def handed_over(sent: Sent, outcome: Any) -> str:
    """Say of how many clients it was recorded that a notice was handed over: none, while a second person is needed."""
    if not outcome.count:
        return say("Recorded; a second person must say the same, with the same reference.")
    return ngettext("{n} notice recorded as handed over.", "{n} notices recorded as handed over.", outcome.count)


def going_out(sent: Sent, outcome: Any) -> str:
    """Say whether an approved notice goes out, and what is missing."""
    if not outcome.missing:
        return say("Approved. It is being sent.")
    settings = ", ".join(f"QORGAU_{it.upper()}" for it in outcome.missing)
    text = n_(
        "Approved, but it does not go out by itself: {settings} is not set. Hand it over another way; its clock runs."
    )
    return say(text, settings=settings)


def again(sent: Sent, outcome: Any) -> str:
    """Say which version is in force again, or that a second person must say so."""
    if not outcome.decided:
        return say("It may detect less, so another person of another role must say the same.")
    return say("In force again: {version}.", version=outcome.version)


def recorded_for(sent: Sent, outcome: Any) -> str:
    """Say the clause that evidence was recorded for."""
    return say("Recorded for {clause}.", clause=clause(builtin_register().citation(sent.fields.get("obligation", ""))))
