"""A desk in memory: commands are tried with facts alone, without a store, accounts or an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from engine.duties.policy import ClockPolicy
from engine.handlers.desk import NoticeSignature, Work
from engine.handlers.register import HANDLERS
from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment, Command, O, name_of
from engine.kernel.facts import Fact, Person
from engine.kernel.ports import A, Context, SignatureVerdict
from engine.notices.notice import Notice
from engine.permissions import require
from engine.terms.calendar import BusinessCalendar, builtin_calendar
from tests.memory import MemoryContext
from tests.support import PEOPLE


@dataclass(frozen=True)
class Paper:
    """A document that was kept."""

    document_id: str
    name: str
    sha256: str
    client: str


class Staff:
    """Everybody of the tests, with an account."""

    def people(self) -> Sequence[Person]:
        return PEOPLE

    def new_feed(self, person: Person) -> str:
        return f"feed-of-{person.id}"


class Office:
    """An organisation with two bureaus and an address for the regulator alone."""

    clock_policy = ClockPolicy()
    bureaus = ("pkb", "gkb")
    erasure_wait_days = 7
    notice_signature: NoticeSignature = "by_hand"

    def mail_of(self, kind: str) -> str:
        return {"regulator": "regulator@example.kz", "afc": "afc@example.kz"}.get(kind, "")

    def may_go_to(self, kind: str, address: str) -> bool:
        return address == self.mail_of(kind) or address.endswith(".gov.kz")

    def missing_for(self, kind: str, to: Sequence[str]) -> tuple[str, ...]:
        return ()


class Stamps:
    """Finds every signature to be that of one IIN, and says so of the next one otherwise when a test wants it."""

    verdict = SignatureVerdict(outcome="valid", source="test", signer="D", iin="900101300017", certificate="1f")

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []

    def verify(self, cms: bytes, data: bytes) -> SignatureVerdict:
        self.asked.append((cms, data))
        return self.verdict


class Hands:
    """Everybody signs with that IIN."""

    def last_digits(self, user_id: str) -> str:
        return "0017"

    def is_of(self, user_id: str, iin: str) -> bool:
        return iin == "900101300017"


class Typist:
    """Writes the same text for every notice."""

    def text(
        self, context: Context, incident: Incident, kind: str, stage: str, client: str, *, late: bool,
        follows: Notice | None, clients: Sequence[str] = (),
    ) -> tuple[dict[str, dict[str, str]], str]:  # fmt: skip
        return {"ru": {"event": f"{kind} {stage}"}}, "1"


class MemoryUnit(MemoryContext):
    """A context whose aggregates stay the same objects, and take what is recorded, as in a unit of work."""

    def __init__(self, context: MemoryContext) -> None:
        super().__init__(context.at)
        self.log, self.intents, self.withdrawn = context.log, context.intents, context.withdrawn
        self.held: dict[tuple[type[Any], str], Any] = {}

    def load(self, kind: type[A], key: str) -> A:
        if (kind, key) not in self.held:
            self.held[kind, key] = super().load(kind, key)
        found: A = self.held[kind, key]
        return found

    def record(self, kind: type[A], key: str, facts: Sequence[Fact]) -> None:
        held = self.load(kind, key)
        for fact in facts:
            held.apply(fact)
        super().record(kind, key, facts)


class MemoryDesk:
    """Does commands over facts in memory."""

    def __init__(self) -> None:
        self.context = MemoryContext()
        self.papers: list[Paper] = []
        self.accounts = Staff()
        self.settings = Office()
        self.calendar: BusinessCalendar = builtin_calendar()
        self.calendars: Mapping[str, BusinessCalendar] = {"kz": self.calendar}
        self.drafting = Typist()
        self.signatures = Stamps()
        self.signers = Hands()

    def task_doers(self, incident_id: str) -> set[str]:
        return set()

    @contextmanager
    def work(self, by: Person) -> Iterator[Work]:
        """Everything a handler records is kept when it ends well, nothing when it raises."""
        before, ordered = list(self.context.log), dict(self.context.intents)
        try:
            yield Work(self, MemoryUnit(self.context), by)
        except BaseException:
            self.context.log[:] = before
            self.context.intents = ordered
            raise

    def keep(self, document: Attachment, *, client: str, about: str, by: Person, name: str) -> Paper:
        digest = sha256(document.data).hexdigest()
        self.papers.append(Paper(digest[:8], document.name or name, digest, client))
        return self.papers[-1]

    def do(self, command: Command[O], by: Person) -> O:
        """Do what the command asks, as the dispatcher does: permissions first."""
        require(name_of(type(command)), by)
        outcome: O = HANDLERS[type(command)](self, command, by)  # type: ignore[assignment]
        return outcome
