"""The evidence bundle of an incident: everything about it, with the proofs, signed, to be checked anywhere.

What is in it and how it is checked stands in ``reports/evidence/verify.py``, which goes along as
``verify.py``. Personal fields are named and not shown unless they are asked for; then they stand in a file of their
own, which the signature of the manifest covers and the log's tree does not (there they are encrypted).
"""

from __future__ import annotations

import base64
import io
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import orjson

from engine.events.envelope import SecurityEvent
from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised, StoredFact
from engine.kernel.timestamps import iso
from engine.notices.notice import Notice
from engine.notices.signing import signature_of, to_sign
from engine.rule_life.rules import RuleLife, rule_id
from engine.terms.calendar import builtin_overrides
from infra.read.incident_summary import summary
from infra.read.notices.documents import notice_document
from infra.read.reading import Reading
from infra.read.rows import clock_lines, notices, protections
from infra.read.rows.tables import PAGE, pages, tables
from infra.store.log.decisions import TOGETHER, Decisions
from infra.store.log.ledger import Ledger
from playbooks.run import Run
from reports.evidence.kept import Kept, write_kept
from reports.evidence.readme import readme
from reports.messages import speak, spoken
from reports.render import render, render_report

FORMAT = "qorgau-evidence/1"


class Bundle:
    """Builds the bundle of one incident."""

    def __init__(
        self, container: Reading, incident: Incident, *, personal: bool = False, language: str | None = None
    ) -> None:
        self.container = container
        self.language = language or container.settings.language
        self.incident = incident
        self.personal = personal
        self.files: dict[str, Kept] = {}
        self.folder = Path()

    def build(self, at: datetime, by: str) -> bytes:
        """Return the zip that ``write`` writes, of an incident that is not large."""
        out = io.BytesIO()
        self.write(out, at, by)
        return out.getvalue()

    def write(self, out: IO[bytes], at: datetime, by: str) -> None:
        """Write the zip, its pages for people in the language given, else in that of the house. The same incident at
        the same instant gives the same bytes. The parts wait in a temporary folder; memory holds a few hundred facts.
        """
        with speak(self.language), TemporaryDirectory(prefix="qorgau-bundle-") as folder:
            self.folder = Path(folder)
            self._build(at, by)
            write_kept(out, self.files)

    def _build(self, at: datetime, by: str) -> None:
        positions, raised = self._recorded()
        events = sorted({position for fact in raised for position in fact.positions})
        self._put("decisions.ndjson", (_decision(it) for it in self._facts(positions)))
        self._put("events.ndjson", (self._event(event) for event in self._events(events)))
        if self.personal:
            self._put("events-personal.ndjson", (_whole(event) for event in self._events(events)))
        self._proofs("decisions", self.container.decisions, positions)
        self._proofs("ledger", self.container.ledger, [event.position for event in self._events(events)])
        self._clocks()
        self._rules(raised)
        self._playbooks()
        self._notices()
        for name, lines in tables(self.container.database, self.incident.id, self.incident.entities.clients):
            self._put(f"{name}.csv", lines)
        self._summary(at, sum(1 for _ in self._events(events)), len(positions))
        self._put("verify.py", (resources.files("reports") / "evidence" / "verify.py").read_bytes())
        key = self.container.store.signer.verifier.text()
        organisation = self.container.settings.sender
        text = readme(
            number=self.incident.number, made_at=iso(at), organisation=organisation.name(spoken()), key=key,
            personal=self.personal,
        )  # fmt: skip
        self._put("README.txt", text.encode())
        self._sign(at, by, key)

    def _put(self, name: str, data: bytes | Iterable[bytes]) -> None:
        path, size, digest = self.folder / str(len(self.files)), 0, sha256()
        with path.open("wb") as file:
            for part in (data,) if isinstance(data, bytes) else data:
                file.write(part)
                digest.update(part)
                size += len(part)
        self.files[name] = Kept(path, size, digest.hexdigest())

    def _recorded(self) -> tuple[Sequence[int], list[FindingRaised]]:
        """The positions of every fact of the incident, of the findings in it, and of the incidents merged into it;
        and what was found."""
        positions = array("q")
        findings = dict.fromkeys(self.incident.findings)
        for owner in (self.incident.id, *self.incident.absorbed):
            for it in self.container.decisions.timeline(owner):
                positions.append(it.position)
                finding = getattr(it.fact, "finding_id", "")
                findings |= {finding: None} if finding else {}
        raised = []
        for finding in findings:
            for it in self.container.decisions.timeline(finding):
                positions.append(it.position)
                raised += [it.fact] if isinstance(it.fact, FindingRaised) else []
        return array("q", sorted(set(positions))), raised

    def _facts(self, positions: Sequence[int]) -> Iterator[StoredFact]:
        for start in range(0, len(positions), TOGETHER):
            yield from self.container.decisions.at(positions[start : start + TOGETHER])

    def _events(self, positions: Sequence[int]) -> Iterator[SecurityEvent]:
        found = (self.container.ledger.get(position) for position in positions)
        return (event for event in found if event is not None)

    def _event(self, event: SecurityEvent) -> bytes:
        shown = {
            name: "(personal)" if self.container.catalogue.may_be_personal(name) else event.fields[name]
            for name in event.fields
        }
        return _line({
            "position": event.position, "source": event.source, "id": event.event_id, "action": event.action,
            "at": iso(event.at), "received_at": iso(event.received_at), "flags": list(event.flags), "fields": shown,
        })  # fmt: skip

    def _proofs(self, name: str, log: Ledger | Decisions, positions: Sequence[int]) -> None:
        """Inclusion proofs in one signed head that covers all of them, with the witnesses' signatures and stamps."""
        if not positions:
            return
        database = self.container.database
        with database.read() as cursor:
            note = log.tree.note(cursor, None)
            size = int(note.split("\n")[1])
            tree = log.stored_tree(cursor)
            rows = (
                {"position": position, "record": _b64(log.leaf_data(cursor, position)),
                 "path": [_b64(part) for part in tree.inclusion(position - 1, size)]}
                for position in positions
            )  # fmt: skip
            self._put(f"proofs/{name}.ndjson", map(_line, rows))
        row = database.row("SELECT note FROM cosignatures WHERE log = ? AND size = ?", log.tree.log, size)
        self._put(f"proofs/{name}.note", (str(row["note"]) if row else note).encode())
        for stamp in database.rows("SELECT size, note, token FROM timestamps WHERE log = ?", log.tree.log):
            self._put(f"timestamps/{name}-{stamp['size']}.note", str(stamp["note"]).encode())
            self._put(f"timestamps/{name}-{stamp['size']}.tsr", bytes(stamp["token"]))

    def _clocks(self) -> None:
        self._put("clocks.json", self._clock_facts())
        path = self.container.settings.calendar_overrides
        text = builtin_overrides() if path is None else path.read_text(encoding="utf8")
        self._put("calendar.yml", f"# calendar version {self.container.calendar.version}\n{text}".encode())

    def _clock_facts(self) -> Iterator[bytes]:
        """One JSON object: clock → its facts, a line for each clock."""
        begin = b"{"
        for owner in (self.incident.id, *self.incident.absorbed):
            for rows in pages(partial(clock_lines.after, self.container.database, owner)):
                found: dict[str, list[dict[str, Any]]] = {row.id: [] for row in rows}
                for it in self.container.decisions.of_many(list(found)):
                    found[it.originator].append({"topic": it.fact.topic, **it.fact.model_dump(mode="json")})
                for key, facts in found.items():
                    yield begin + b"\n" + orjson.dumps(key) + b": " + orjson.dumps(facts)
                    begin = b","
        yield b"\n}\n" if begin == b"," else b"{}\n"

    def _rules(self, raised: Sequence[FindingRaised]) -> None:
        used = {(fact.rule_name, fact.rule_version) for fact in raised}
        current = self.container.rules.by_reference
        for name, version in sorted(used):
            rule = current.get(name)
            text = rule.text if rule is not None and rule.version == version else self._draft(name, version)
            if text:
                self._put(f"rules/{name}-{version[:12]}.yml", text.encode())

    def _draft(self, name: str, version: str) -> str:
        life = self.container.decisions.load(RuleLife, rule_id(name))
        draft = life.drafts.get(version)
        return draft.text if draft is not None else ""

    def _playbooks(self) -> None:
        by_digest = {playbook.digest: name for name, playbook in self.container.playbooks.items()}
        for row in protections.runs_of(self.container.database, self.incident.id):
            run = self.container.decisions.load(Run, row.id)
            name = by_digest.get(run.digest)
            if name is not None:
                data = (resources.files("playbooks") / "packs" / f"{name}.json").read_bytes()
                self._put(f"playbooks/{name}.json", data)

    def _notices(self) -> None:
        """The notices that have a text, as documents; those that carry a text to single clients, a line for each."""
        for row in sorted(notices.texts_by_age(self.container.database, self.incident.id), key=lambda it: it.kind):
            notice = self.container.decisions.load(Notice, row.id)
            made, _ = notice_document(self.container.decisions, notice, self.container.settings.language)
            place = f"notices/{notice.kind}-{notice.stage}-{notice.id[:8]}"
            self._put(f"{place}.pdf", render(made, "pdf"))
            self._put(f"{place}.txt", render(made, "txt"))
            body = {
                **asdict(_fate(notice)),
                "versions": [
                    {"number": v.number, "at": iso(v.at), "by": v.actor, "content": v.content} for v in notice.versions
                ],
            }
            self._put(f"{place}.json", orjson.dumps(body, option=orjson.OPT_INDENT_2))
            if notice.signed is not None:
                self._put(f"{place}.signed.json", to_sign(notice))
                self._put(f"{place}.p7s", self.container.kept(notice.signed.document_id))
        self._put("notices/to-clients.ndjson", self._to_clients())

    def _to_clients(self) -> Iterator[bytes]:
        database = self.container.database
        for rows in pages(lambda last: notices.after(database, self.incident.id, last, PAGE)):
            keys = [row.id for row in rows if row.text_of]
            with database.read() as cursor:
                found = self.container.decisions.load_many_within(cursor, Notice, keys)
            for notice in found.values():
                yield _line({**asdict(_fate(notice)), "client": notice.subject, "text_of": notice.text_of})

    def _summary(self, at: datetime, events: int, decisions: int) -> None:
        report = summary(self.container, self.incident, at, events, decisions)
        self._put("summary.pdf", render_report(report, "pdf"))
        self._put("summary.html", render_report(report, "html"))

    def _sign(self, at: datetime, by: str, key: str) -> None:
        listed = {name: {"sha256": it.sha256, "size": it.size} for name, it in self.files.items()}
        manifest = orjson.dumps(
            {
                "format": FORMAT, "incident": self.incident.number, "incident_id": self.incident.id,
                "organisation": self.container.settings.sender.name(spoken()), "made_at": iso(at), "made_by": by,
                "key": key, "language": spoken(), "calendar": self.container.calendar.version, "files": listed,
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS,
        )  # fmt: skip
        text = f"{FORMAT}\n{self.incident.number}\n{sha256(manifest).hexdigest()}\n"
        self._put("manifest.json", manifest)
        self._put("signature.note", self.container.store.signer.sign_text(text).encode())


@dataclass(frozen=True)
class _Delivered:
    """What became of a notice at one recipient, as the bundle says it."""

    recipient: str
    state: str
    channel: str
    reference: str
    at: str | None
    attempt: int
    repeat: bool
    receipt: str


@dataclass(frozen=True)
class _Fate:
    """What became of a notice, as the bundle says it."""

    id: str
    kind: str
    stage: str
    state: str
    approved_by: str | None
    content_hash: str | None
    deliveries: tuple[_Delivered, ...]
    signature: dict[str, Any] | None = None
    """How it is signed: by whom with which certificate, or by hand as who says; None: nothing of it is recorded."""


def _fate(notice: Notice) -> _Fate:
    deliveries = tuple(
        _Delivered(
            d.recipient, d.state, d.channel, d.reference, iso(d.at) if d.at else None, d.attempt, d.repeat, d.receipt
        )
        for d in notice.deliveries.values()
    )
    return _Fate(
        notice.id, notice.kind, notice.stage, notice.state, notice.approved_by, notice.content_hash, deliveries,
        signature_of(notice),
    )  # fmt: skip


def _decision(it: StoredFact) -> bytes:
    fact = orjson.loads(it.fact.model_dump_json())
    return _line({"position": it.position, "topic": it.fact.topic, "fact": fact})


def _whole(event: SecurityEvent) -> bytes:
    return _line({"position": event.position, "fields": event.fields, "raw": _b64(event.raw)})


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
