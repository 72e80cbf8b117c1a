"""Brings the facts of an incident into what a draft is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol
from weakref import ref

from engine.duties.clock import Clock, clock_id
from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.kernel.errors import InputError
from engine.kernel.facts import Entities, FindingRaised
from engine.kernel.ids import derive
from engine.kernel.ports import Context
from engine.kernel.trouble import TemplateFailed
from engine.notices.facts import NoticeStage
from engine.notices.kinds import notice_kind
from engine.notices.notice import Notice, notice_id
from engine.terms.calendar import BusinessCalendar
from reports.drafter import Content, TemplateError
from reports.drafts import Own, Previous, Status, Subject, Writer
from reports.said.affected import data_of, of_clients
from reports.wording import kind_key, template_version

_SOURCE_OF = {
    "portal": ("portal", "channel", "otp", "veridoc", "verilive", "veriface", "coid", "phone", "eds"),
    "antifraud": ("antifraud", "aml", "fraud"),
    "bureau": ("pkb", "bureau"),
    "loan-system": ("loan", "collection"),
    "staff-systems": ("iam", "pam", "hr", "physical"),
    "infrastructure": ("net", "host", "vuln", "code", "asset", "log"),
    "data-stores": ("db", "dlp", "archive", "backup", "crypto"),
    "anti-fraud-centre": ("afc",),
    "authority": ("legal", "authority"),
    "employee": ("employee",),
    "partner": ("vendor", "partner"),
    "hot-line": ("hot-line",),
    "letter": ("letter",),
    "complaint": ("complaint",),
    "other": ("isms", "incident", "notice", "clock", "evidence"),
}
"""How a notice names the source of a detection → the first parts of the event types (and channels of reports)."""
SOURCES = {first: name for name, firsts in _SOURCE_OF.items() for first in firsts}
SOURCES_OF_TYPES = {"fraud.complaint.received": "complaint"}
"""Event types whose source is not that of their first part."""
_AFC_STAGES = (
    ("after payout", ("loan.disbursement.executed",)),
    ("payout", ("loan.disbursement.requested", "loan.disbursement.blocked", "loan.account_ownership_verified")),
    ("signing", ("loan.contract.signed", "loan.contract.amended", "loan.consent.confirmed")),
    ("application", ()),
)
"""Stages of a loan, the furthest first, with the event types that show that it was reached."""
_TOLD = frozenset({"", "afc.message.received", "fraud.complaint.received", "fraud.loss.recorded"})
"""Event types that tell of a fraud and show no stage of a loan."""
_PAID = "mfo.context.paid_loan"
"""Evidence of a finding that the money had left."""


_DONE = frozenset({"change_applied", "changed", "executed", "exported", "accessed", "amended", "bulk", "destroyed",
                   "read", "shared", "tampered", "modified", "written_off"})  # fmt: skip
_TRIED = frozenset({"change_rejected", "blocked", "failed", "rejected", "refused", "signature_rejected",
                    "transaction_cancelled"})  # fmt: skip
"""What the last word of an event's type says: the act was done, or only tried."""
_NAMED = ("mfo.db.table", "host.name", "mfo.bureau.account", "mfo.channel")
"""The fields of a finding that name what was touched."""
_SUMS = ("mfo.amount", "mfo.loan.amount")
UNKNOWN = "unknown"
_AFC_TYPES = {"after payout": "event", UNKNOWN: UNKNOWN}
"""Stage → the type of the message, where it is not an attempt."""
AFC_NAMED = 500
"""Clients, loans, devices and addresses that a message to the Anti-Fraud Centre names of each; it counts the rest."""
MOST_FINDINGS = 100
"""Findings that are looked at, the newest."""


class OwnWording(Protocol):
    """The organisation's own wording, and the writer that uses it."""

    @property
    def writer(self) -> Writer:
        """What writes the texts."""
        ...

    def own(self) -> Own:
        """Return the templates in force."""
        ...

    def version(self, kind: str) -> str:
        """Name the own wordings a kind is drafted with; empty when all are the product's."""
        ...


class _Unit:
    """What is asked once in a unit of work: nobody else writes while one is under way, so the answers stay the same."""

    def __init__(self, context: Context, composer: NoticeComposer) -> None:
        self.context = ref(context)
        self.own = cache(composer.wordbook.own)
        self.version = cache(composer.wordbook.version)
        self.words = cache(composer.rule_words)
        self.tactics = cache(composer.tactics)


class NoticeComposer:
    """Composes the texts of one organisation."""

    def __init__(
        self, wordbook: OwnWording, rule_words: Callable[[str], Mapping[str, str]], calendar: BusinessCalendar,
        tactics: Callable[[str], Sequence[str]] = lambda name: (),
    ) -> None:  # fmt: skip
        self.wordbook = wordbook
        self.rule_words = rule_words
        self.tactics = tactics
        """The tactics of ATT&CK that a rule finds, by its name."""
        self.calendar = calendar
        self._latest: _Unit | None = None

    def _unit(self, context: Context) -> _Unit:
        latest = self._latest
        if latest is None or latest.context() is not context:
            latest = self._latest = _Unit(context, self)
        return latest

    def offset(self, at: datetime) -> int:
        """Return the organisation's offset at an instant in minutes (Almaty changed its own in 2024)."""
        offset = self.calendar.local(at).utcoffset()
        return int(offset.total_seconds() // 60) if offset is not None else 0

    def text(
        self,
        context: Context,
        incident: Incident,
        kind: str,
        stage: NoticeStage,
        client: str,
        *,
        late: bool,
        follows: Notice | None,
        clients: Sequence[str] = (),
    ) -> tuple[Content, str]:
        """Return the text of a notice and the version of its wording. An own wording that fails gives way to ours."""
        if kind == "afc":
            return {"json": {**self.afc(context, incident), **({"late": ""} if late else {})}}, template_version()
        key = kind_key(kind, stage)
        found = findings_of(context, incident)
        subject = self.subject(context, incident, client, late=late, follows=follows, found=found)
        if notice_kind(kind).per == "client":
            of = of_clients(context, incident, stage, client, clients, found)
            subject = subject.model_copy(update=of._asdict())
        else:
            subject = subject.model_copy(update={"data": data_of(found)})
        unit = self._unit(context)
        writer, own = self.wordbook.writer, unit.own()
        version = ",".join(filter(None, (template_version(), unit.version(key))))
        try:
            return writer.draft(key, subject, own), version
        except TemplateError as error:
            self._tell(context, key, error)
            return writer.draft(key, subject, {}), template_version()

    def _tell(self, context: Context, key: str, error: InputError) -> None:
        fact = TemplateFailed(at=context.at, key=key, detail=error.message[:300])
        context.record_single(str(derive("effect-failed", "template", key)), fact)

    def subject(
        self, context: Context, incident: Incident, client: str, *, late: bool, follows: Notice | None = None,
        found: Sequence[FindingRaised],
    ) -> Subject:  # fmt: skip
        """Return the plain facts of an incident; ``found`` are its findings, the newest of very many."""
        assert incident.detected_at is not None
        remediation = context.load(Clock, clock_id("remediation", incident.id, ""))
        entities, words = incident.entities, _evidence(context, incident)
        others = dict.fromkeys(it.rule_name for it in found if it.rule_name != incident.rule_name)
        promised = None if remediation.breached_at or remediation.late_since else remediation.due_at
        offset, unit = self.offset(incident.detected_at), self._unit(context)
        return Subject(
            number=incident.number,
            incident_class=incident.incident_class,
            detected_at=incident.detected_at,
            source=source_of(context, incident),
            # Never the title of an incident that a rule opened: it names whom it was found at.
            signs=dict(unit.words(incident.rule_name)) if incident.rule_name else {"en": incident.title},
            clients=len(entities.clients),
            loans=len(entities.loans),
            assets=tuple(dict.fromkeys((*entities.workstations, *_things(found))))[:10],
            status=status_of(incident, found),
            confirmed_at=incident.confirmed_at,
            rules=tuple(dict(unit.words(name)) for name in others),
            tactics=tuple(dict.fromkeys(t for name in (incident.rule_name, *others) for t in unit.tactics(name))),
            systems=tuple(dict.fromkeys(_system(it) for it in found)),
            accounts=entities.users[:10],
            listed=bool(entities.clients),
            measures=tuple(incident.measures),
            remediation_due=promised,
            own_loans=entities.loans if client and len(entities.clients) == 1 else (),
            client=client or None,
            late=late,
            previous=_previous(follows) if follows is not None else None,
            utc_offset_minutes=offset,
            **words,
        )

    def afc(self, context: Context, incident: Incident) -> dict[str, str]:
        """Return the fields of a message to the Anti-Fraud Centre (format not verified; domain notes 6.5)."""
        assert incident.detected_at is not None
        entities, first = incident.entities, incident.first_event_at or incident.detected_at
        stage = _stage(findings_of(context, incident))
        return {
            "message_id": notice_id("afc", incident.id, ""),
            "participant": self.wordbook.writer.organisation.bin,
            "type": _AFC_TYPES.get(stage, "attempt"),
            "event_time": first.astimezone(UTC).isoformat(),
            "detection_time": incident.detected_at.astimezone(UTC).isoformat(),
            "incident": incident.number,
            **{name: _named(getattr(entities, name)) for name in ("clients", "loans", "devices", "addresses")},
            **_totals(entities),
            "indicators": incident.title,
            "rules": ", ".join(sorted({part.rule_name for part in incident.parts.values() if part.rule_name})) or "-",
            "stage": stage,
            "executed": {"after payout": "yes", UNKNOWN: UNKNOWN}.get(stage, "no"),
            "amounts": ", ".join(dict.fromkeys(_amounts(findings_of(context, incident)))) or "-",
            "action_taken": "contained" if incident.contained_at else "under review",
            "police_reference": "-",
            "contact": self.wordbook.writer.organisation.contact_in("ru"),
        }


def _amounts(found: Sequence[FindingRaised]) -> list[str]:
    return [fact.matched[name] for fact in found for name in _SUMS if fact.matched.get(name)][:AFC_NAMED]


def _named(values: Sequence[str]) -> str:
    """The first of some identifiers; the message has a field that says how many there are of those that are more."""
    return ", ".join(values[:AFC_NAMED]) or "-"


def _totals(entities: Entities) -> dict[str, str]:
    counts = {"client_count": len(entities.clients), "loan_count": len(entities.loans)}
    return {name: str(n) for name, n in counts.items() if n > AFC_NAMED}


def _evidence(context: Context, incident: Incident) -> dict[str, Any]:
    """The words people wrote when they recorded cause, consequences, recovery, closing and lessons."""
    words: dict[str, Any] = {}
    for fact in context.facts(incident.id):
        match fact:
            case i.CauseEliminated():
                words["cause"] = fact.evidence
            case i.ConsequenceEliminated():
                words["consequence"] = fact.evidence
            case i.RecoveryConfirmed():
                words["recovery"] = fact.evidence
            case i.IncidentClosed():
                words["closed"] = fact.reason
            case i.LessonsRecorded():
                words["lessons"] = f"{fact.lessons}\n{fact.actions}"
    return words


def source_of(context: Context, incident: Incident) -> str:
    """Name the source of a detection: by the type of the event it was found on first, else by its first part."""
    for fact in (it for finding in incident.findings[:1] for it in context.facts(finding)):
        if isinstance(fact, FindingRaised) and (named := SOURCES_OF_TYPES.get(fact.matched.get("event.action", ""))):
            return named
    return SOURCES.get(incident.detection_source, "other")


def findings_of(context: Context, incident: Incident) -> list[FindingRaised]:
    """Return the findings of an incident, the newest of very many."""
    facts = (fact for finding in incident.findings[-MOST_FINDINGS:] for fact in context.facts(finding))
    return [fact for fact in facts if isinstance(fact, FindingRaised)]


def status_of(incident: Incident, found: Sequence[FindingRaised]) -> Status:
    """Say what is known: people confirmed it, or the events show that it was done, or only tried; else a suspicion."""
    if incident.confirmed_at is not None:
        return "confirmed"
    last = {fact.matched.get("event.action", "").rpartition(".")[2] for fact in found}
    if last & _DONE:
        return "occurred"
    return "attempted" if last and last <= _TRIED else "suspected"


def _system(fact: FindingRaised) -> str:
    return SOURCES.get(fact.matched.get("event.action", "").split(".", 1)[0], "other")


def _things(found: Sequence[FindingRaised]) -> list[str]:
    """The tables, hosts and stores that the findings name."""
    return [fact.matched[name] for fact in found for name in _NAMED if fact.matched.get(name)]


def _stage(found: Sequence[FindingRaised]) -> str:
    """Name how far the loan had come, by what was seen; what people or the Centre told says it only of a payout."""
    if any(fact.matched.get(_PAID) for fact in found):
        return "after payout"
    actions = {fact.matched.get("event.action", "") for fact in found} - _TOLD
    if not actions:
        return UNKNOWN
    return next(stage for stage, shown in _AFC_STAGES if not shown or not actions.isdisjoint(shown))


def _previous(it: Notice) -> Previous:
    """The notice that is supplemented; a text to many went out from its approval on."""
    return Previous(number=it.id[:8], sent_at=it.approved_at if it.to_many else it.sent_at)
