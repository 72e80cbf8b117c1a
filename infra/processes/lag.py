"""How far the followers of the logs are behind."""

from __future__ import annotations

from infra.processes.search import behind as search_behind
from infra.search.port import SearchIndex
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger

OF_LEDGER = ("detect", "acts", "tally", "retention-terms", "duty-events")
OF_DECISIONS = ("incidents", "clocks", "playbooks", "notices", "orders", "alerts")


def behind(ledger: Ledger, decisions: Decisions, search: SearchIndex) -> dict[str, int]:
    """Give, by follower, how many records of its log it has not said to have seen. (One that nothing concerns says so
    when it rests, and every thousand events.)"""
    found: dict[str, int] = {}
    for names, head in ((OF_LEDGER, ledger.head()), (OF_DECISIONS, decisions.head())):
        found |= {name: max(head - decisions.tracked(name), 0) for name in names}
    found |= {f"search-{name}": max(count, 0) for name, count in search_behind(search, ledger, decisions).items()}
    return found
