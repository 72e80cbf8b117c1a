"""The API of proofs: heads, inclusion, growth; for signed-in people. What is personal stays encrypted in records."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from infra.app.container import Container
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.proving import Growth, Inclusion, prove_growth, prove_inclusion
from infra.web.context import TheContainer, TheSession

router = APIRouter(prefix="/api/v1/logs", tags=["proofs"])
Log = Literal["ledger", "decisions"]


def _log(container: Container, log: Log) -> Ledger | Decisions:
    return container.ledger if log == "ledger" else container.decisions


@router.get("/{log}/checkpoint", response_class=PlainTextResponse, summary="The signed head of a log")
def get_checkpoint(
    container: TheContainer, session: TheSession, log: Log, size: int | None = None
) -> PlainTextResponse:
    """Return the newest checkpoint, or that of a size (C2SP tlog-checkpoint)."""
    with container.database.read() as cursor:
        return PlainTextResponse(_log(container, log).tree.note(cursor, size))


@router.get("/{log}/proof/{position}", summary="Proof that an entry stands at a position")
def get_inclusion(
    container: TheContainer, session: TheSession, log: Log, position: int, size: int | None = None
) -> Inclusion:
    """Return record, audit path and signed head (RFC 6962, 2.1.1)."""
    return prove_inclusion(_log(container, log), position, size)


@router.get("/{log}/growth/{old}", summary="Proof that a log grew without a change")
def get_growth(container: TheContainer, session: TheSession, log: Log, old: int, new: int | None = None) -> Growth:
    """Return the consistency proof between two signed heads (RFC 6962, 2.1.2)."""
    return prove_growth(_log(container, log), old, new)
