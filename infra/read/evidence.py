"""The evidence bundle of an incident: everything about it, with the proofs, signed, to be checked anywhere.

What is in it and how it is checked stands in ``reports/evidence/verify.py``, which goes along as
``verify.py``. Personal fields are named and not shown unless they are asked for; then they stand in a file of their
own, which the signature of the manifest covers and the log's tree does not (there they are encrypted).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from importlib import resources
from typing import Any

import orjson

from engine.duties import facts as c
from engine.events.envelope import SecurityEvent
from engine.incidents.facts import FindingSuppressed
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, FindingRaised, StoredFact
from engine.kernel.timestamps import iso
from engine.notices.notice import Notice
from engine.rule_life.rules import RuleLife, rule_id
from engine.terms.calendar import builtin_overrides
from infra.read.incident_summary import summary
from infra.read.notice_documents import notice_document
from infra.read.reading import Reading
from infra.read.rows import notices, protections
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from playbooks.run import Run
from reports.evidence.readme import readme
from reports.evidence.verify import write_zip
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
        self.files: dict[str, bytes] = {}

    def build(self, at: datetime, by: str) -> bytes:
        """Return the zip, its pages for people in the language given, else in that of the house. The same incident at
        the same instant gives the same bytes."""
        with speak(self.language):
            return self._build(at, by)

    def _build(self, at: datetime, by: str) -> bytes:
        recorded = self._recorded()
        events = self._events(recorded)
        self._put("decisions.ndjson", b"".join(_decision(it) for it in recorded))
        self._put("events.ndjson", b"".join(self._event(event) for event in events))
        if self.personal:
            self._put("events-personal.ndjson", b"".join(_whole(event) for event in events))
        self._proofs("decisions", self.container.decisions, [it.position for it in recorded])
        self._proofs("ledger", self.container.ledger, [event.position for event in events])
        facts = [it.fact for it in recorded]
        self._clocks(facts)
        self._rules(facts)
        self._playbooks()
        self._notices()
        self._summary(at, len(events), len(recorded))
        self._put("verify.py", (resources.files("reports") / "evidence" / "verify.py").read_bytes())
        key = self.container.store.signer.verifier.text()
        organisation = self.container.settings.sender
        text = readme(
            number=self.incident.number, made_at=iso(at), organisation=organisation.name(spoken()), key=key,
            personal=self.personal,
        )  # fmt: skip
        self._put("README.txt", text.encode())
        self._sign(at, by, key)
        out = io.BytesIO()
        write_zip(out, self.files)
        return out.getvalue()

    def _put(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def _recorded(self) -> list[StoredFact]:
        """Every fact of the incident, of the findings in it, and of the incidents merged into it."""
        owners = [self.incident.id, *self.incident.absorbed]
        found = {it.position: it for owner in owners for it in self.container.decisions.timeline(owner)}
        findings = [*self.incident.findings]
        for it in list(found.values()):
            fact = it.fact
            findings += [fact.finding_id] if isinstance(fact, FindingSuppressed) else []
            finding = getattr(fact, "finding_id", "")
            findings += [finding] if finding else []
        for finding in dict.fromkeys(findings):
            found |= {it.position: it for it in self.container.decisions.timeline(finding)}
        return [found[position] for position in sorted(found)]

    def _events(self, recorded: Sequence[StoredFact]) -> list[SecurityEvent]:
        positions = sorted({p for it in recorded if isinstance(it.fact, FindingRaised) for p in it.fact.positions})
        found = (self.container.ledger.get(position) for position in positions)
        return [event for event in found if event is not None]

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
            rows = [
                {"position": position, "record": _b64(log.leaf_data(cursor, position)),
                 "path": [_b64(part) for part in tree.inclusion(position - 1, size)]}
                for position in positions
            ]  # fmt: skip
        row = database.row("SELECT note FROM cosignatures WHERE log = ? AND size = ?", log.tree.log, size)
        self._put(f"proofs/{name}.note", (str(row["note"]) if row else note).encode())
        self._put(f"proofs/{name}.ndjson", b"".join(map(_line, rows)))
        for stamp in database.rows("SELECT size, note, token FROM timestamps WHERE log = ?", log.tree.log):
            self._put(f"timestamps/{name}-{stamp['size']}.note", str(stamp["note"]).encode())
            self._put(f"timestamps/{name}-{stamp['size']}.tsr", bytes(stamp["token"]))

    def _clocks(self, facts: Sequence[Fact]) -> None:
        found: dict[str, list[dict[str, Any]]] = {}
        for fact in facts:
            if isinstance(fact, c.FACTS):
                key = str(getattr(fact, "clock_id", ""))
                found.setdefault(key, []).append({"topic": fact.topic, **fact.model_dump(mode="json")})
        self._put("clocks.json", orjson.dumps(found, option=orjson.OPT_INDENT_2))
        path = self.container.settings.calendar_overrides
        text = builtin_overrides() if path is None else path.read_text(encoding="utf8")
        self._put("calendar.yml", f"# calendar version {self.container.calendar.version}\n{text}".encode())

    def _rules(self, facts: Sequence[Fact]) -> None:
        used = {(fact.rule_name, fact.rule_version) for fact in facts if isinstance(fact, FindingRaised)}
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
        for row in sorted(notices.of_incident(self.container.database, self.incident.id), key=lambda it: it.kind):
            notice = self.container.decisions.load(Notice, row.id)
            made, _ = notice_document(self.container.decisions, notice, self.container.settings.language)
            place = f"notices/{notice.kind}-{notice.stage}-{notice.id[:8]}"
            self._put(f"{place}.pdf", render(made, "pdf"))
            self._put(f"{place}.txt", render(made, "txt"))
            body = {
                "id": notice.id, "kind": notice.kind, "stage": notice.stage, "state": notice.state,
                "approved_by": notice.approved_by, "content_hash": notice.content_hash,
                "deliveries": [
                    {"recipient": d.recipient, "state": d.state, "channel": d.channel, "reference": d.reference,
                     "at": iso(d.at) if d.at else None, "attempt": d.attempt, "repeat": d.repeat, "receipt": d.receipt}
                    for d in notice.deliveries.values()
                ],
                "versions": [
                    {"number": v.number, "at": iso(v.at), "by": v.actor, "content": v.content} for v in notice.versions
                ],
            }  # fmt: skip
            self._put(f"{place}.json", orjson.dumps(body, option=orjson.OPT_INDENT_2))

    def _summary(self, at: datetime, events: int, decisions: int) -> None:
        report = summary(self.container, self.incident, at, events, decisions)
        self._put("summary.pdf", render_report(report, "pdf"))
        self._put("summary.html", render_report(report, "html"))

    def _sign(self, at: datetime, by: str, key: str) -> None:
        listed = {name: {"sha256": sha256(data).hexdigest(), "size": len(data)} for name, data in self.files.items()}
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


def _decision(it: StoredFact) -> bytes:
    fact = orjson.loads(it.fact.model_dump_json())
    return _line({"position": it.position, "topic": it.fact.topic, "fact": fact})


def _whole(event: SecurityEvent) -> bytes:
    return _line({"position": event.position, "fields": event.fields, "raw": _b64(event.raw)})


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
