"""Events, incidents and notices become searchable: what is not personal of them."""

from __future__ import annotations

from datetime import tzinfo

from engine.events.catalogue import Catalogue
from engine.kernel.facts import Fact
from infra.processes.base import BATCH, Stage
from infra.read.searchable import Cases
from infra.search.documents import of_events
from infra.search.port import Document, SearchIndex
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger

EVENTS = 2_000
"""Events put into the index in one transaction: whoever else writes waits for it."""
GIVES_WAY_AT = 1_000
"""Events that detection has not seen, or facts that drafts are not made of yet; beyond it the index lags and is
caught up later."""


class Searching(Stage):
    """Fills the indexes. Each has a mark of its own; after a fault the index is looked at before anything is put."""

    name = "search"
    waits_for_others = True  # detection does not wait for it

    def __init__(
        self, index: SearchIndex, ledger: Ledger, decisions: Decisions, catalogue: Catalogue, zone: tzinfo
    ) -> None:
        self.index = index
        self.ledger = ledger
        self.decisions = decisions
        self.catalogue = catalogue
        self.zone = zone
        self.cases = Cases(ledger.database, zone)
        self._ready = False
        self._passed: dict[str, tuple[int, int]] = {}
        """Facts that concern no index cost no commit: by index the mark, and how far was read beyond it."""

    def step(self) -> bool:
        """Put one batch into each index, unless detection needs the time more."""
        if self.ledger.head() - self.decisions.tracked("detect") > GIVES_WAY_AT:
            return False
        if not self._ready:
            self.index.prepare()
        self._ready = False
        worked = self._events()
        if self.decisions.head() - self.decisions.tracked("notices") <= GIVES_WAY_AT:
            worked = self._cases() or worked
        self._ready = True
        return worked

    def _events(self) -> bool:
        before = self.index.marks.get("events")
        events = self.ledger.read(before, EVENTS)
        if events:
            found = of_events(events, self.catalogue, self.zone, with_fields=self.index.keeps_fields)
            self.index.put("events", found, before, events[-1].position)
        return bool(events)

    def _cases(self) -> bool:
        worked = False
        for name, begins, documents in (
            ("incidents", "incident.", self.cases.incidents),
            ("notices", "notice.", self.cases.notices),
        ):
            mark = self.index.marks.get(name)
            known_mark, passed = self._passed.get(name, (mark, mark))
            after = passed if known_mark == mark else mark
            facts = self.decisions.read(after, BATCH)
            if not facts and after == mark:
                continue
            reached = facts[-1].position if facts else after
            touched = dict.fromkeys(it.originator for it in facts if _is_of(it.fact, begins))
            if facts and not touched:
                self._passed[name] = (mark, reached)
            else:
                found: list[Document] = list(documents(reached, list(touched)))
                self.index.put(name, found, mark, reached)
            worked = True
        return worked


def behind(index: SearchIndex, ledger: Ledger, decisions: Decisions) -> dict[str, int]:
    """Return how many records of its log each index has not read."""
    heads = {"events": ledger.head(), "incidents": decisions.head(), "notices": decisions.head()}
    return {name: head - index.marks.get(name) for name, head in heads.items()}


def _is_of(fact: Fact, begins: str) -> bool:
    return fact.topic.startswith(begins)
