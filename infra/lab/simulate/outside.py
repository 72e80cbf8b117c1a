"""The world outside a simulated house: a mail server and systems that fail at random, and remember what they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from random import Random

from engine.kernel.answers import NOBODY, Asked, Subject, all_of
from engine.kernel.ports import Delivery, TimeSource
from infra.outbound.orders import Contract, HttpPost


class Mails:
    """A mail server with bad days. It counts what it took, whatever it answered."""

    repeatable = False
    channel = "smtp"

    def __init__(self, chance: Random, clock: TimeSource) -> None:
        self.chance = chance
        self.clock = clock
        self.faulty = True
        self.taken: Counter[str] = Counter()
        """Message-ID → how many times the message was taken."""
        self.marked: Counter[str] = Counter()
        """Message-ID → how many of them were marked as repeats."""

    def deliver(self, key: str, mail: EmailMessage) -> Delivery:
        """Take, refuse, put off, or take and lose the answer."""
        name = str(mail["Message-ID"])
        dice = self.chance.random() if self.faulty else 1.0
        if dice < 0.10:
            return Delivery(outcome="retry", detail="451 try again later")
        if dice < 0.13:
            return Delivery(outcome="refused", detail="550 no such recipient")
        if dice < 0.16:
            return Delivery(outcome="unknown", detail="the connection was lost before it was taken")
        self.taken[name] += 1
        if mail["X-Qorgau-Repeat"] is not None:
            self.marked[name] += 1
        if dice < 0.19:
            return Delivery(outcome="unknown", detail="the connection was lost after it was taken")
        return Delivery(outcome="done", reference=f"250 {name[:24]}")


class Systems(HttpPost):
    """Collections, loans and bureaus: idempotent by key, away now and then."""

    def __init__(self, chance: Random, clock: TimeSource) -> None:
        super().__init__(clock)
        self.chance = chance
        self.faulty = True
        self.away_until: dict[str, float] = {}
        self.done: dict[str, str] = {}

    def order(
        self, address: str, key: str, body: bytes, system: str, subjects: Sequence[Subject], *,
        asked: Asked = NOBODY, secrets: Sequence[str] = (), contract: Contract = 2,
    ) -> Delivery:  # fmt: skip
        """Carry an order out once, and say so whenever asked."""
        now = self.clock.now().timestamp()
        if self.faulty and self.chance.random() < 0.02:
            self.away_until[system] = now + self.chance.choice((600, 7200, 100_000, 300_000))
        if self.faulty and now < self.away_until.get(system, 0.0):
            return Delivery(outcome="retry", detail="503")
        self.done.setdefault(key, f"{system}-{len(self.done)}")
        return done(subjects, self.done[key], self.clock.now())


def done(subjects: Sequence[Subject], reference: str, at: datetime) -> Delivery:
    """Say that an order is done for all its subjects."""
    judged = all_of(subjects, "done", "", reference)
    return Delivery(outcome="done", reference=reference, done_at=at, judged=judged)
