"""What ordinary people do: short stories of events with offsets in seconds. Normal errors belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from infra.lab.simulate.people import APPLICANTS, CLIENTS, Chance, Client, staff, workstation

Fields = dict[str, Any]
Step = tuple[float, str, Fields]
"""(seconds since the story began, event action, fields)"""
Story = Callable[[Chance, str], Iterator[Step]]


def someone(rng: Chance) -> Client:
    """Pick a client."""
    return Client(rng.randrange(CLIENTS))


def sign_in(rng: Chance, client: Client, session: str, at: float = 0.0) -> Iterator[Step]:
    """Sign in, now and then after one or two mistakes."""
    who: Fields = {"mfo.client.id": client.id, "device.id": client.device, "source.ip": client.address}
    for attempt in range(rng.choices((0, 1, 2), (90, 8, 2))[0]):
        yield at, "portal.login.failed", {**who, "event.reason": "bad_password", "mfo.auth.attempt": attempt + 1}
        at += rng.uniform(4, 20)
    otp = f"otp-{session}"
    yield at, "otp.requested", {"mfo.otp.id": otp, "mfo.purpose": "login", "session.id": session}
    yield at + 1, "otp.sent", {"mfo.otp.id": otp, "mfo.otp.provider": "sms-1"}
    if rng.random() < 0.01:
        yield at + 4, "otp.delivery_failed", {"mfo.otp.id": otp, "mfo.provider.code": "UNDELIV"}
        return
    age = rng.uniform(5, 50)
    yield at + 1 + age, "otp.verified", {"mfo.otp.id": otp, "mfo.otp.age_seconds": round(age), "mfo.auth.attempts": 1}
    yield (
        at + 2 + age,
        "portal.login.succeeded",
        {**who, "mfo.auth.factors": ["password", "otp"], "source.geo.country_iso_code": "KZ", "session.id": session},
    )
    yield at + 2 + age, "portal.session.started", {**who, "session.id": session}


def visit(rng: Chance, key: str) -> Iterator[Step]:
    """A client looks at his loan and leaves."""
    client = someone(rng)
    at = 0.0
    for step in sign_in(rng, client, key):
        at = step[0]
        yield step
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


def borrow(rng: Chance, key: str) -> Iterator[Step]:
    """An application from the first form to the payout, with checks of identity and the bureau between them.

    Nobody borrows twice: two loans of one day are added up by law, and chance would make violations that nobody meant.
    """
    client = Client(int(key.rsplit("-", 1)[-1]) * 7919 % APPLICANTS)
    loan, application = f"L-{key}", f"A-{key}"
    amount = rng.choice([30_000, 50_000, 80_000, 120_000, 150_000, 200_000, 300_000])
    at = 0.0
    for step in sign_in(rng, client, f"s{key}"):
        at = step[0]
        yield step
    form: Fields = {
        "mfo.client.iin": client.iin,
        "mfo.client.phone": client.phone,
        "mfo.loan.amount": amount,
        "mfo.loan.product": "online-30",
        "device.id": client.device,
        "source.ip": client.address,
        "session.id": f"s{key}",
    }
    yield at + 60, "portal.application.submitted", form
    yield from _identify(rng, client, key, at + 90)
    at += 200
    person = rng.employee()
    asked: Fields = {
        "mfo.request.id": f"q-{key}",
        "user.id": staff(person),
        "mfo.workstation.id": workstation(person),
        "mfo.client.iin": client.iin,
        "mfo.consent.id": f"k-{key}",
        "mfo.loan.application_id": application,
        "mfo.purpose": "scoring",
    }
    yield at, "pkb.report.requested", asked
    yield at + 3, "pkb.report.received", {"mfo.request.id": f"q-{key}", "mfo.report.id": f"p-{key}"}
    score = round(rng.betavariate(2, 6) * 85)
    yield (
        at + 4,
        "antifraud.client_checked",
        {"mfo.check.id": f"f-{key}", "mfo.client.id": client.id, "mfo.outcome": "clean"},
    )
    if score > 55:
        alert: Fields = {"mfo.alert.id": f"al-{key}", "event.risk_score": score, "mfo.client.id": client.id}
        yield at + 5, "antifraud.alert.raised", alert
    good = rng.random() < 0.6
    decision: Fields = {"mfo.loan.application_id": application, "mfo.decision": "approve" if good else "refuse"}
    yield at + 20, "loan.application.decided", decision
    if good:
        yield from _pay_out(rng, client, key, loan, amount, at + 300)


def _identify(rng: Chance, client: Client, key: str, at: float) -> Iterator[Step]:
    yield at, "veridoc.result", {"mfo.scan.id": f"v-{key}", "mfo.doc.type": "id-card", "mfo.outcome": "passed"}
    yield at + 12, "verilive.result", {"session.id": f"s{key}", "event.risk_score": 3, "mfo.outcome": "passed"}
    face: Fields = {"mfo.match.id": f"m-{key}", "mfo.biometric.score": round(rng.uniform(95.5, 99.9), 1)}
    yield at + 14, "veriface.match", {**face, "mfo.biometric.threshold": 95, "mfo.outcome": "match"}
    yield at + 20, "coid.result", {"mfo.request.id": f"o-{key}", "mfo.client.iin": client.iin, "mfo.outcome": "match"}


def _pay_out(rng: Chance, client: Client, key: str, loan: str, amount: int, at: float) -> Iterator[Step]:
    who: Fields = {"mfo.loan.id": loan, "mfo.client.id": client.id}
    yield at - 20, "eds.signature_verified", {"mfo.signature.id": f"e-{key}", "mfo.outcome": "valid"}
    signed: Fields = {
        **who,
        "mfo.amount": amount,
        "mfo.biometric.result_id": f"m-{key}",
        "mfo.eds.signature_id": f"e-{key}",
        "mfo.loan.online": True,
        "mfo.loan.secured": False,
    }
    yield at, "loan.contract.signed", signed
    yield (
        at + 5,
        "archive.document.stored",
        {"mfo.archive.id": f"ar-{key}", "mfo.loan.id": loan, "file.extension": "pdf"},
    )
    yield at + 10, "loan.account_ownership_verified", {**who, "mfo.method": "bank-api", "mfo.outcome": "match"}
    pay: Fields = {**who, "mfo.amount": amount, "mfo.payout.account_hash": client.account}
    yield at + 20, "loan.disbursement.requested", {**pay, "mfo.payout.type": rng.choice(["bank", "card"])}
    yield at + rng.uniform(40, 400), "loan.disbursement.executed", {**pay, "mfo.payout.reference": f"pay-{key}"}


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
    person = rng.employee()
    who: Fields = {"mfo.workstation.id": workstation(person), "user.id": staff(person)}
    account: Fields = {**who, "mfo.bureau.account": f"pkb-{person:03d}"}
    yield 0.0, "pkb.workstation.session_started", {**account, "mfo.workstation.ownership": "own"}
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


STORIES: tuple[tuple[Story, int], ...] = ((visit, 50), (borrow, 14), (collect, 14), (shift, 4), (hum, 18))
