"""Approving a notice: who cannot, by what he ever did with it or with its incident, and what the approval freezes.

Only where nobody is left and the law's term is about to end the head of the house approves, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from engine.incidents.incident import Incident
from engine.kernel.errors import DecisionRefused, SecondPersonNeeded
from engine.kernel.facts import Fact, Person
from engine.kernel.words import need_own_words
from engine.notices.completeness import gaps
from engine.notices.facts import NoticeApproved
from engine.notices.kinds import notice_kind
from engine.notices.notice import (
    OPEN_TEXT,
    Notice,
    content_hash,
    list_hash,
    must_be_text,
    recipients,
)
from engine.permissions import may, require
from engine.permissions.eyes import Stood, require_other, side_of
from engine.permissions.permission import Side
from engine.terms.calendar import BusinessCalendar
from engine.terms.counting import add_business_time

LAST_HOURS = timedelta(hours=4)
"""Working hours before the end of a term in which the head of the house may approve alone."""
NEVER_ALONE = (Side.AUTHOR, Side.EDITOR, Side.SUBMITTER, Side.ADDRESS_NAMER, Side.CLIENT_NAMER, Side.BROUGHT_IN)
"""Not even then: whose text, address or incident it is, or who brought about that nobody else is left."""


def stood(
    notice: Notice, incident: Incident, load: Callable[[str], Incident],
    doers: Callable[[str], Collection[str]] = lambda key: (),
) -> Stood:  # fmt: skip
    """Return who stood where, over the whole history of a notice and of every incident that came into its incident.

    ``load`` gives an incident by its id, ``doers`` the people who did tasks of its playbooks.
    """
    assigned, acted, named, brought = set[str](), set[str](), set[str](), set[str]()
    seen, waiting = set[str](), [incident]
    while waiting:
        it = waiting.pop()
        seen.add(it.id)
        assigned |= it.involved.assigned
        acted |= it.involved.acted | set(doers(it.id))
        brought |= it.involved.brought_in
        named |= it.involved.named_clients
        waiting.extend(load(key) for key in sorted(it.involved.came_from - seen))
    sides: dict[Side, Collection[str]] = {
        Side.ASSIGNEE: assigned,
        Side.CASE_WORKER: acted,
        Side.BROUGHT_IN: brought,
        **notice.authors,
    }
    if notice.to_many or notice.subject:
        sides[Side.CLIENT_NAMER] = named
    return sides


def who_may_approve(people: Sequence[Person], where: Stood) -> tuple[list[Person], list[tuple[Person, Side]]]:
    """Return who may approve a notice now, and who holds the role but cannot, with what keeps him from it."""
    free, kept = list[Person](), list[tuple[Person, Side]]()
    for person in people:
        if not may("approve-notice", person):
            continue
        side = side_of("approve-notice", person.id, where)
        if side is None:
            free.append(person)
        else:
            kept.append((person, side))
    return free, kept


def approve(
    notice: Notice, where: Stood, *, by: Person, at: datetime, clients: Sequence[str] = (),
    missing: tuple[str, ...] = (), to: str = "", calendar: BusinessCalendar | None = None,
    subjects: Sequence[str] = (),
) -> Sequence[Fact]:  # fmt: skip
    """Approve for sending: a compliance officer whom nothing in the history of notice and incident excludes (``where``,
    see ``stood``).

    ``clients`` are those whom a text for many goes to; their list is approved with it. ``missing`` are settings that
    its way out lacks; ``to`` is another recipient than that of the draft, ``subjects`` those on the list that goes
    with it.
    """
    require("approve-notice", by)
    must_be_text(notice, "approved")
    if notice.to_many and not clients:
        raise DecisionRefused("there is no client left whom this text would tell")
    require_other("approve-notice", by, where)
    return [_approved(notice, clients, subjects, missing, to, calendar, by=by, at=at)]


def approve_as_last(
    notice: Notice, where: Stood, people: Sequence[Person], due_at: datetime | None, reason: str, *, by: Person,
    at: datetime, calendar: BusinessCalendar, clients: Sequence[str] = (), missing: tuple[str, ...] = (), to: str = "",
    subjects: Sequence[str] = (),
) -> Sequence[Fact]:  # fmt: skip
    """Approve a notice that the law asks for as the head of the house, for nobody else is left and its term ends within
    four working hours or is over. ``people`` are all who have an account; ``due_at`` is the end of the running term.
    """
    require("approve-as-last", by)
    must_be_text(notice, "approved")
    need_own_words(reason)
    if notice.to_many and not clients:
        raise DecisionRefused("there is no client left whom this text would tell")
    if due_at is None:
        raise DecisionRefused("only a notice whose term of the law runs can be approved without a second person")
    if add_business_time(calendar, at, LAST_HOURS) < due_at:
        raise DecisionRefused("this is possible only in the last four working hours of the term")
    free, _ = who_may_approve(people, where)
    if free:
        raise DecisionRefused("{people} may still approve it", people=tuple(person.id for person in free))
    if any(by.id in where.get(side, ()) for side in NEVER_ALONE):
        raise SecondPersonNeeded(
            "who wrote the notice, named its address or clients, or brought the incident in cannot approve it alone"
        )
    fact = _approved(notice, clients, subjects, missing, to, calendar, by=by, at=at)
    return [fact.model_copy(update={"reason": reason, "as_last": True})]


def _approved(
    notice: Notice, clients: Sequence[str], subjects: Sequence[str], missing: tuple[str, ...], to: str,
    calendar: BusinessCalendar | None, *, by: Person, at: datetime,
) -> NoticeApproved:  # fmt: skip
    for lacking in gaps(notice.kind, notice.content, at=at, calendar=calendar):
        raise lacking
    if not recipients(to or notice.recipient):
        raise DecisionRefused("the notice has no recipient")
    named = clients if notice.to_many else subjects
    return NoticeApproved(
        at=at, actor=by.id, notice_id=notice.id, content_hash=content_hash(notice.content),
        addressees=len(clients) if notice.to_many else 0, subjects=len(subjects),
        list_sha256=list_hash(named) if named else "", missing=missing, recipient=to,
    )  # fmt: skip


def running_term(notice: Notice) -> tuple[str, str] | None:
    """Return the duty that an open notice does and whom it concerns, None for one that no term waits for."""
    spec = notice_kind(notice.kind)
    if notice.state not in OPEN_TEXT:
        return None
    duty = spec.clock if notice.stage == "initial" else spec.supplement
    return (duty, notice.subject if spec.per == "client" else "") if duty else None
