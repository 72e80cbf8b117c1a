"""Which further notice may follow one that was handed over."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from engine.kernel.errors import DecisionRefused
from engine.notices.facts import NoticeStage
from engine.notices.notice import Notice, notice_id

UNDER_WAY = ("draft", "review", "approved", "handed-over")


def following(first: Notice, stage: NoticeStage, load: Callable[[str], Notice]) -> Notice | str:
    """Return the notice of a stage that is under way already, else the id under which the next one is drafted.

    ``load`` gives a notice by id, empty when there is none. Raise DecisionRefused while the first was not handed over.
    """
    if first.state != "sent" and not (first.to_many and first.approved_at is not None):
        raise DecisionRefused("a supplement follows a notice that was handed over")
    for number in count():
        key = notice_id(first.kind, first.incident_id, first.subject, stage, number)
        held = load(key)
        if held.follows not in ("", first.id):
            continue  # that of another text to other clients
        if held.state in UNDER_WAY:
            return held
        if held.state in ("none", "withdrawn"):
            return key
    raise AssertionError("counting does not end")
