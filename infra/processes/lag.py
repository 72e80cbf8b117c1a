"""How far the followers of the logs are behind. Which there are is what was built to run, never a list by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from infra.processes.base import Follower, LedgerFollower, Stage
from infra.processes.search import behind as search_behind
from infra.search.port import SearchIndex
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.sql.database import Database

Log = Literal["ledger", "decisions"]
_PREFIX = "follower:"


def followers_of(stages: Sequence[Stage]) -> dict[str, Log]:
    """Return the followers among the stages, and which log each follows."""
    found: dict[str, Log] = {}
    for stage in stages:
        if isinstance(stage, Follower):
            found[stage.name] = "ledger" if isinstance(stage, LedgerFollower) else "decisions"
    return found


def note_followers(database: Database, stages: Sequence[Stage]) -> None:
    """Keep which followers run, where every process sees it; those that run no more are forgotten."""
    now = followers_of(stages)
    if noted_followers(database) == now:
        return
    with database.write() as cursor:
        cursor.execute("DELETE FROM meta WHERE key LIKE ?", (_PREFIX + "%",))
        cursor.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)", [(_PREFIX + n, log) for n, log in now.items()]
        )


def noted_followers(database: Database) -> dict[str, Log]:
    """Return the followers that a worker last ran with, empty before the first."""
    rows = database.rows("SELECT key, value FROM meta WHERE key LIKE ? ORDER BY key", _PREFIX + "%")
    logs: dict[str, Log] = {"ledger": "ledger", "decisions": "decisions"}
    return {str(row["key"]).removeprefix(_PREFIX): logs[row["value"]] for row in rows}


def behind(ledger: Ledger, decisions: Decisions, search: SearchIndex) -> dict[str, int]:
    """Return, by follower, how many records of its log it has not said to have seen. (One that nothing concerns says so
    when it rests, and every thousand events.)"""
    heads = {"ledger": ledger.head(), "decisions": decisions.head()}
    noted = noted_followers(decisions.database)
    found = {name: max(heads[log] - decisions.tracked(name), 0) for name, log in noted.items()}
    found |= {f"search-{name}": max(count, 0) for name, count in search_behind(search, ledger, decisions).items()}
    return found
