"""The composition root: the only place that chooses adapters and knows how everything fits together."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.duties.declared import builtin_names, jurisdiction
from engine.events.catalogue import Catalogue, builtin_catalogue
from engine.kernel.commands import Command, O
from engine.kernel.errors import DataError
from engine.kernel.facts import Person
from engine.kernel.ports import Sender, TimeSource
from engine.notices.gateway import CHANNEL
from engine.notices.kinds import notice_kinds
from engine.policies.acts import ActPolicy
from engine.policies.alerts import AlertPolicy
from engine.policies.centre import CentrePolicy
from engine.policies.containment import ContainmentPolicy
from engine.policies.duties import DutyPolicy
from engine.policies.notices import NoticePolicy
from engine.policies.orders import OrderPolicy
from engine.proofs.notes import Verifier
from engine.terms.calendar import COUNTRY, BusinessCalendar, builtin_overrides, calendar_from_yaml
from infra.app.time_source import SystemClock
from infra.commands.accounts import Accounts
from infra.commands.desk import Desk
from infra.commands.dispatch import Dispatcher
from infra.commands.notice_documents import OrderDocuments
from infra.commands.rulebook import Rulebook
from infra.commands.signing_ids import SigningIds
from infra.commands.wordbook import Wordbook
from infra.inbound.intake import Intake
from infra.inbound.parser_pool import Readers
from infra.inbound.quotas import Quotas
from infra.observe.disk import DiskWatch
from infra.observe.tracing import Tracing, tracing_of
from infra.outbound.centre import Identifiers
from infra.outbound.events import OwnEvents
from infra.outbound.gateway import ClientGateway
from infra.outbound.mail import AfcMessages, AlertMail, NoticeMail, OrderLetters, Render, Transport, transport_for
from infra.outbound.ncanode import checker_of
from infra.outbound.orders import HttpOrders, HttpPost
from infra.outbound.subjects import SubjectLists
from infra.outbound.timestamping import Authority, roots_of
from infra.outbound.webhooks import WebhookMessages
from infra.processes.base import Stage
from infra.processes.centre_lists import CentreLists
from infra.processes.detect import Detect
from infra.processes.event_counts import DutyEvents, Tally
from infra.processes.lag import note_followers
from infra.processes.outbox import Outbox
from infra.processes.people.readings import Readings
from infra.processes.retention import Erasures, Terms
from infra.processes.runner import EventPolicyRunner, IncidentRunner, PolicyRunner
from infra.processes.search import Searching
from infra.processes.silence import Silence
from infra.processes.stamping import Stamping
from infra.processes.sweep import Recount, Sweep
from infra.processes.webhooks import KIND as WEBHOOK
from infra.processes.webhooks import Webhooks
from infra.processes.witnessing import Witnessing
from infra.read.borrowers import clients_by_iin
from infra.read.exchange import case_of
from infra.search.opening import open_index
from infra.search.port import SearchIndex
from infra.settings.law import LawSettings
from infra.settings.settings import Settings
from infra.store.archive import Archive
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.opening import Store, open_store
from infra.store.sql.database import Database, StoreUnavailable
from playbooks.cacao import Playbook, read
from playbooks.policy import PlaybookPolicy
from reports.composer import NoticeComposer
from reports.drafter import TemplateSandbox
from reports.drafts import Writer
from reports.exchange.ocsf import incident_finding
from reports.messages import mail_text
from reports.render import render
from rules.detection.loader import RuleSet

if TYPE_CHECKING:
    from infra.store.log.segments import Segment

SYSTEMS = ("collections", "loans", "bureau", "access")
"""Who takes orders; each is sent to on its own, so that one that hangs delays no other."""
ORDERS = ("order", "command", "containment")
"""The kinds of messages that are orders."""
ORDERS_OF_PLAYBOOKS = frozenset({"access-block", "payout-hold"})


@dataclass(frozen=True)
class Container:
    """Everything wired together over one data directory."""

    settings: Settings
    clock: TimeSource
    catalogue: Catalogue
    calendar: BusinessCalendar
    calendars: dict[str, BusinessCalendar]
    """The calendar of each jurisdiction; the organisation's own for its home."""
    rulebook: Rulebook
    playbooks: dict[str, Playbook]
    store: Store
    database: Database
    ledger: Ledger
    decisions: Decisions
    accounts: Accounts
    dispatcher: Dispatcher
    intake: Intake
    quotas: Quotas
    sweep: Sweep
    archive: Archive
    wordbook: Wordbook
    drafting: NoticeComposer
    order_documents: OrderDocuments
    search: SearchIndex
    tracing: Tracing
    disk: DiskWatch

    def dispatch(self, command: Command[O], *, by: Person) -> O:
        """Do what a person asks; return what came of it. Raise NotAllowed before anything else."""
        return self.dispatcher.dispatch(command, by)

    @property
    def rules(self) -> RuleSet:
        """The rules in force."""
        return self.rulebook.current()

    @property
    def segments_folder(self) -> Path:
        """Where the Parquet segments lie."""
        return self.settings.data / "segments"

    def close_segments(self, size: int) -> list[Segment]:
        """Write the closed ranges of the ledger that have no segment yet."""
        from infra.store.log import segments  # pyarrow is large; only who needs it loads it

        columns = segments.columns_for(tuple(self.rules.fields()), self.catalogue)
        return segments.close_ranges(self.database, self.segments_folder, columns, size=size)

    def ledger_head(self) -> tuple[int, str]:
        """Return size and root of the ledger's newest checkpoint."""
        row = self.database.row("SELECT size, root FROM checkpoints WHERE log = 'ledger' ORDER BY size DESC LIMIT 1")
        return (row["size"], bytes(row["root"]).hex()) if row else (0, "")

    def kept(self, document_id: str) -> bytes:
        """Return a document of the archive as it came. Raise NotFound, DataError."""
        return self.archive.read(document_id)[1]

    def documents_of(self, client: str) -> int:
        """Count the documents of a client in the archive."""
        return sum(1 for _ in self.archive.documents(client))

    def start_readers(self, count: int | None = None) -> None:
        """Read on the other cores; without a count, as many readers as the machine has cores, at most four."""
        wanted = min(os.cpu_count() or 1, 4) if count is None else count
        if wanted > 0 and self.intake.readers is None:
            self.intake.readers = Readers(wanted, self.settings.keep_unknown_types, self.store.key_settings())

    def close(self) -> None:
        """Let the data directory go."""
        if self.intake.readers is not None:
            self.intake.readers.close()
        with suppress(StoreUnavailable):  # a mark that is lost ends a session two minutes earlier
            self.accounts.close()
        self.wordbook.writer.drafter.close()
        self.search.close()
        self.tracing.close()
        self.store.close()


def open_container(settings: Settings, clock: TimeSource | None = None, *, read_only: bool = False) -> Container:
    """Open the data directory and build everything that can be asked; nothing runs yet."""
    clock, catalogue = clock or SystemClock(), builtin_catalogue()
    store = open_store(settings, catalogue, clock, read_only=read_only)
    database, ledger, decisions = store.database, store.ledger, store.decisions
    accounts = Accounts(decisions, clock, settings, store.keys)
    rulebook = Rulebook(decisions, store.vault, settings.rule_parameters)
    rulebook.current()  # a fault of the rules or their parameters stops the start, not the stream
    calendar = calendar_of(settings)
    calendars = calendars_of(settings, calendar)
    tracing = tracing_of(settings, version("qorgau"))
    archive = Archive(settings.data / "archive", decisions, store.vault)
    writer = Writer(TemplateSandbox(), settings.sender, settings.notice_languages)
    wordbook = Wordbook(decisions, clock, writer)
    drafting = NoticeComposer(wordbook, rulebook.words, calendar, rulebook.tactics)
    playbooks = builtin_playbooks()
    desk = Desk(
        decisions, clock, accounts, settings, calendar, calendars, archive, drafting, rulebook, wordbook, playbooks,
        checker_of(settings, clock), SigningIds(decisions, clock, store.vault),
    )  # fmt: skip
    intake = Intake(
        ledger, catalogue, clock, queue_batches=settings.queue_batches,
        keep_unknown_types=settings.keep_unknown_types, tracing=tracing,
    )  # fmt: skip
    intake.recovery.apart = lambda: Readers(1, settings.keep_unknown_types, store.key_settings())
    dispatcher = Dispatcher(desk)
    dispatcher.held = lambda: bool(store.guard.heads.gaps and store.guard.heads.look())
    return Container(
        settings=settings, clock=clock,
        catalogue=catalogue,
        calendar=calendar,
        calendars=calendars,
        rulebook=rulebook, playbooks=playbooks, store=store, database=database, ledger=ledger, decisions=decisions,
        accounts=accounts,
        dispatcher=dispatcher,
        intake=intake,
        quotas=Quotas(settings.source_lines_per_minute, settings.source_bad_lines_per_minute),
        sweep=Sweep(decisions, clock),
        archive=archive,
        wordbook=wordbook,
        drafting=drafting,
        order_documents=OrderDocuments(decisions, wordbook, calendar),
        search=open_index(settings, database, store.signer.verifier.text()),
        tracing=tracing,
        disk=DiskWatch(settings.data, settings.disk_free_percent),
    )  # fmt: skip


@dataclass(frozen=True)
class Outside:
    """The ways out of the house: mail, HTTP, and the renderer of documents. Simulations bring their own."""

    transport: Transport
    http: HttpPost
    render: Render = render


def stages_of(container: Container, outside: Outside | None = None) -> list[Stage]:
    """Build the followers of the logs, in the order one event passes them. Only one process may run them."""
    settings, clock, decisions, ledger = container.settings, container.clock, container.decisions, container.ledger
    vault = container.store.vault
    outside = outside or Outside(transport_for(settings), HttpPost(clock))
    outboxes = _outboxes(container, outside)
    automatic = ORDERS_OF_PLAYBOOKS if settings.access_url else frozenset()
    recipients: dict[str, str] = {kind: settings.mail_of(kind) for kind in notice_kinds()}
    policy = settings.clock_policy
    in_house_language = partial(mail_text, settings.language, container.calendar.zone)
    duties = PolicyRunner(decisions, clock, DutyPolicy(container.calendars, policy))
    stages: list[Stage] = [
        Detect(
            ledger,
            decisions,
            clock,
            container.rulebook,
            container.catalogue,
            vault,
            container.tracing,
            settings.senders,
        ),
        Terms(ledger, decisions, clock, container.calendar),  # before the acts, which ask whose a loan is
        EventPolicyRunner(
            ledger, decisions, clock, ActPolicy(settings.bureaus, clients_by_iin(ledger, vault), settings.answering)
        ),
        EventPolicyRunner(ledger, decisions, clock, CentrePolicy(settings.senders)),
        CentreLists(ledger, decisions, clock, container.rulebook),
        IncidentRunner(decisions, clock, container.tracing),
        duties,
        Recount(decisions, clock, container.calendars, policy),
        PolicyRunner(decisions, clock, PlaybookPolicy(container.playbooks, automatic)),
        PolicyRunner(decisions, clock, NoticePolicy(container.drafting, recipients), before=[duties]),
        PolicyRunner(decisions, clock, OrderPolicy(container.calendar, policy)),
        PolicyRunner(decisions, clock, ContainmentPolicy()),
        PolicyRunner(decisions, clock, AlertPolicy(settings.role_mail, settings.alert_mail, in_house_language)),
        *outboxes,
        *_webhooks(container, outside.http),
        *_witnessing(container),
        *_stamping(container),
        *([Silence(ledger, decisions, clock, settings.expected_sources)] if settings.expected_sources else []),
        DutyEvents(ledger, decisions, clock, container.calendar, settings.senders),
        Tally(ledger, decisions, clock, container.calendar),
        Readings(container.store.access, decisions, clock, container.calendar.zone),
        Erasures(decisions, clock, vault, container.ledger_head, container.documents_of),
        Searching(container.search, ledger, decisions, container.catalogue, container.calendar.zone),
    ]
    note_followers(container.database, stages)
    return stages


def _outboxes(container: Container, outside: Outside) -> list[Stage]:
    """Build what sends mails, orders and notices to clients; what was under way when the worker ended is taken up."""
    settings, clock, decisions, transport = container.settings, container.clock, container.decisions, outside.transport
    letters = OrderLetters(decisions, settings, transport, container.order_documents, outside.render)
    orders = HttpOrders(
        settings.order_url, outside.http, letters.send, settings.order_mail, secrets=settings.order_secrets,
        contract=settings.order_contract,
    )  # fmt: skip
    lists = SubjectLists(decisions, container.store.vault)
    notices = NoticeMail(decisions, clock, settings, transport, lists, outside.render, kept=container.kept)
    senders: dict[str, Sender] = {
        "mail": notices,
        "afc": AfcMessages(notices, outside.http, settings.afc_url, Identifiers(decisions, container.ledger)),
        "client": notices,
        "alert": AlertMail(settings, transport),
        "ledger": OwnEvents(container.ledger, container.catalogue, clock),
    }
    to_clients: dict[str, Sender] = {}
    if settings.client_gateway_url:
        secrets = settings.client_gateway_secrets
        del senders["client"]
        to_clients["client"] = ClientGateway(decisions, clock, outside.http, settings.client_gateway_url, secrets)
    mails = Outbox(decisions, clock, senders, transport.channel, "outbox-mail")
    to_systems = [
        Outbox(decisions, clock, dict.fromkeys(ORDERS, orders), "http", f"outbox-orders-{system}", system)
        for system in SYSTEMS
    ]
    gateway = [Outbox(decisions, clock, to_clients, CHANNEL, "outbox-clients")] if to_clients else []
    made = [mails, *to_systems, *gateway]
    for outbox in made:
        outbox.recover()
    return [*made]


def _webhooks(container: Container, http: HttpPost) -> list[Stage]:
    receivers = container.settings.webhooks
    if not receivers:
        return []
    messages = WebhookMessages(container.clock, receivers, http)
    outbox = Outbox(container.decisions, container.clock, {WEBHOOK: messages}, "http", "outbox-webhooks")
    outbox.recover()
    stage = Webhooks(
        container.decisions, container.clock, receivers, lambda it: incident_finding(case_of(container, it))
    )
    stage.begin()
    return [stage, outbox]


def _witnessing(container: Container) -> list[Stage]:
    settings = container.settings
    if not settings.witnesses:
        return []
    keys = [Verifier.parse(text) for text in settings.witness_keys]
    return [Witnessing(container.ledger, container.decisions, container.clock, settings.witnesses, keys)]


def _stamping(container: Container) -> list[Stage]:
    settings = container.settings
    if settings.timestamp_url is None:
        return []
    authority = Authority(settings.timestamp_url, roots_of(settings.timestamp_roots))
    return [Stamping(container.ledger, container.decisions, container.clock, authority, settings.timestamp_every_s)]


def calendar_of(settings: LawSettings) -> BusinessCalendar:
    """Return the calendar of the organisation's home, with its override file where one is set."""
    path, place = settings.calendar_overrides, jurisdiction(settings.jurisdictions[0])
    shipped = builtin_overrides() if place.country == COUNTRY else ""
    try:
        text = shipped if path is None else path.read_text(encoding="utf8")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from None
    zone = settings.time_zone if "time_zone" in settings.model_fields_set else place.zone or settings.time_zone
    return calendar_from_yaml(text, country=place.country, zone=zone, opens=settings.opens, closes=settings.closes)


def calendars_of(settings: LawSettings, home: BusinessCalendar) -> dict[str, BusinessCalendar]:
    """Return the calendar of every jurisdiction, for clocks of one that was switched off run on: office hours are the
    organisation's, holidays the country's."""
    first = settings.jurisdictions[0]
    found = {first: home}
    for name in builtin_names():
        if name != first:
            place = jurisdiction(name)
            found[name] = calendar_from_yaml(
                builtin_overrides() if place.country == COUNTRY else "", country=place.country,
                zone=place.zone or settings.time_zone, opens=settings.opens, closes=settings.closes,
            )  # fmt: skip
    return found


def builtin_playbooks() -> dict[str, Playbook]:
    """Return the playbooks of the product by file name. Raise DataError for one with faults."""
    return dict(_playbooks())


@lru_cache(maxsize=1)
def _playbooks() -> dict[str, Playbook]:
    found: dict[str, Playbook] = {}
    for entry in sorted((resources.files("playbooks") / "packs").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".json"):
            playbook, findings = read(entry.read_bytes(), entry.name)
            if playbook is None:
                first = next(f for f in findings if f.level == "error")
                raise DataError(f"{first.pointer}: {first.message}", file=entry.name)
            found[entry.name.removesuffix(".json")] = playbook
    return found
