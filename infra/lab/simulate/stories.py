"""What ordinary people do: short stories of events with offsets in seconds. Normal errors belong to them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from infra.lab.simulate.people import CLIENTS, Chance, Client, staff, workstation

Fields = dict[str, Any]
Step = tuple[float, str, Fields]
"""(seconds since the story began, event action, fields)"""
Telling = Generator[Step, None, float]
"""Steps of a part of a story; it returns when the part was over."""
Story = Callable[[Chance, str], Iterator[Step]]


def someone(rng: Chance) -> Client:
    """Pick a client."""
    return Client(rng.randrange(CLIENTS))


def code(rng: Chance, client: Client, session: str, at: float, purpose: str) -> Telling:
    """A code is asked for and entered within its minute. Now and then one does not arrive and another is sent."""
    otp = f"otp-{purpose}-{session}"
    asked: Fields = {"mfo.purpose": purpose, "session.id": session, "mfo.client.phone": client.phone}
    if rng.random() < 0.01:
        yield at, "otp.requested", {**asked, "mfo.otp.id": f"{otp}-lost"}
        yield at + 1, "otp.sent", {"mfo.otp.id": f"{otp}-lost", "mfo.otp.provider": "sms-1"}
        yield at + 4, "otp.delivery_failed", {"mfo.otp.id": f"{otp}-lost", "mfo.provider.code": "UNDELIV"}
        at += 30
    yield at, "otp.requested", {**asked, "mfo.otp.id": otp}
    yield at + 1, "otp.sent", {"mfo.otp.id": otp, "mfo.otp.provider": "sms-1"}
    age = rng.uniform(5, 50)
    entered: Fields = {"mfo.otp.id": otp, "session.id": session, "device.id": client.device}
    yield at + 1 + age, "otp.verified", {**entered, "mfo.otp.age_seconds": round(age), "mfo.auth.attempts": 1}
    return at + 1 + age


def sign_in(rng: Chance, client: Client, session: str, at: float = 0.0) -> Telling:
    """Sign in, now and then after one or two mistakes."""
    who: Fields = {"mfo.client.id": client.id, "device.id": client.device, "source.ip": client.address}
    for attempt in range(rng.choices((0, 1, 2), (90, 8, 2))[0]):
        yield at, "portal.login.failed", {**who, "event.reason": "bad_password", "mfo.auth.attempt": attempt + 1}
        at += rng.uniform(4, 20)
    at = 1 + (yield from code(rng, client, session, at, "login"))
    yield (
        at,
        "portal.login.succeeded",
        {**who, "mfo.auth.factors": ["password", "otp"], "source.geo.country_iso_code": "KZ", "session.id": session},
    )
    yield at, "portal.session.started", {**who, "session.id": session}
    return at


def visit(rng: Chance, key: str) -> Iterator[Step]:
    """A client looks at his loan and leaves."""
    client = someone(rng)
    at = yield from sign_in(rng, client, key)
    for _ in range(rng.randrange(1, 6)):
        at += rng.uniform(5, 240)
        yield (
            at,
            "portal.session.activity",
            {"session.id": key, "mfo.client.id": client.id, "mfo.session.action": "view"},
        )
        if rng.random() < 0.5:
            yield (
                at,
                "portal.record.accessed",
                {
                    "mfo.client.id": client.id,
                    "mfo.record.type": rng.choice(["contract", "debt", "payments"]),
                    "mfo.record.id": f"r-{client.number}",
                },
            )
    if rng.random() < 0.7:
        yield at + rng.uniform(2, 60), "portal.session.ended", {"session.id": key, "event.reason": "logout"}
    else:
        ended: Fields = {"session.id": key, "event.reason": "idle", "mfo.session.idle_seconds": 600}
        yield at + 600, "portal.session.ended", ended


def collect(rng: Chance, key: str) -> Iterator[Step]:
    """A collector calls about an overdue loan."""
    fields: Fields = {
        "mfo.loan.id": f"L-old-{rng.randrange(200_000)}",
        "mfo.channel": rng.choice(["call", "sms", "letter"]),
        "user.id": staff(rng.employee()),
    }
    yield 0.0, "collection.contact_attempted", fields


def shift(rng: Chance, key: str) -> Iterator[Step]:
    """An employee works at the bureau's workstation for a while, and elsewhere afterwards."""
    person = rng.on_duty()
    who: Fields = {"mfo.workstation.id": workstation(person), "user.id": staff(person)}
    account: Fields = {**who, "mfo.bureau.account": f"pkb-{person:03d}"}
    own: Fields = {"mfo.workstation.ownership": "own", "mfo.os.auth": "password"}
    yield 0.0, "pkb.workstation.session_started", {**account, **own}
    for at in range(60, 900, 240):
        flow: Fields = {**who, "destination.domain": "secure2.1cb.kz", "mfo.bureau.session_active": True}
        yield float(at), "pkb.workstation.network_flow", {**flow, "network.bytes": rng.randrange(1000, 90_000)}
    yield 900.0, "pkb.workstation.session_ended", account
    after: Fields = {**who, "destination.domain": "gov.kz", "mfo.bureau.session_active": False}
    yield 1200.0, "pkb.workstation.network_flow", {**after, "network.bytes": 20_000}


def hum(rng: Chance, key: str) -> Iterator[Step]:
    """The noise of machines."""
    kind = rng.randrange(6)
    host = f"srv-{rng.randrange(40):02d}"
    if kind == 0:
        yield 0.0, "channel.tls.handshake", {"tls.version": "1.3", "mfo.outcome": "ok"}
    elif kind == 1:
        flow: Fields = {"source.ip": f"10.1.{rng.randrange(255)}.{rng.randrange(1, 255)}", "destination.port": 443}
        yield 0.0, "net.firewall.flow", {**flow, "mfo.firewall.action": "allow"}
    elif kind == 2:
        yield 0.0, "backup.job", {"host.name": host, "mfo.outcome": "ok"}
    elif kind == 3:
        yield 0.0, "net.ips.alert", {"event.severity": 4, "source.ip": f"198.51.100.{rng.randrange(1, 255)}"}
    elif kind == 4:
        yield (
            0.0,
            "net.av.detection",
            {"host.name": host, "threat.software.name": "EICAR", "mfo.av.action": "quarantined"},
        )
    else:
        query: Fields = {"user.id": "svc-report", "mfo.db.table": "loans", "mfo.db.rows": rng.randrange(1, 900)}
        yield 0.0, "db.query.bulk", query
