"""A lawful loan: registration, identity, screening, bureau, disclosure, signature, cooling-off and payout.

Campaigns take parts of it too: who steals does everything else as it should be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from infra.lab.simulate.people import APPLICANTS, CLIENTS, Chance, Client, staff, workstation
from infra.lab.simulate.stories import Fields, Step, Telling, code, sign_in

SUMS = (30_000, 50_000, 80_000, 120_000, 150_000, 200_000, 300_000, 400_000, 600_000)
COOLING_ABOVE = 324_375
"""A larger online loan without security is paid out 24 hours after signing, with a consent given after them."""
COOLING = 86_400
DISCLOSED = ("rules", "costs", "schedule_differentiated", "schedule_annuity", "rights")


def borrow(rng: Chance, key: str) -> Iterator[Step]:
    """From the first form to the payout. Most borrowers are new and register first.

    Nobody borrows twice: two loans of one day are added up by law, and chance would make violations that nobody meant.
    """
    client = Client(int(key.rsplit("-", 1)[-1]) * 7919 % APPLICANTS)
    new, session, application = client.number >= CLIENTS, f"s{key}", f"A-{key}"
    amount = rng.choice(SUMS)
    at = 0.0
    if new:
        at = 20 + (yield from register(rng, client, key, session, at))
    at = 60 + (yield from sign_in(rng, client, session, at))
    form: Fields = {**filled_in(client), "mfo.loan.application_id": application, "session.id": session}
    yield at, "portal.application.submitted", {**form, "mfo.loan.amount": amount, "mfo.loan.product": "online-30"}
    if not new:
        at = yield from identify(rng, client, key, session, at + 30)
    at += 30
    clean = rng.random() < 0.998
    yield from screen(client, at, "clean" if clean else "hit")
    yield from _check(rng, client, key, application, at + 10)
    decision: Fields = {
        "mfo.loan.application_id": application,
        "mfo.client.id": client.id,
        "mfo.bureau.report_id": f"p-{key}",
        "session.id": session,
    }
    if not clean or rng.random() >= 0.6:
        yield at + 30, "loan.application.decided", {**decision, "mfo.decision": "refuse"}
        ground: Fields = {"mfo.loan.application_id": application, "mfo.loan.ground": "scoring" if clean else "aml"}
        yield at + 31, "loan.refused", ground
        return
    yield at + 30, "loan.application.decided", {**decision, "mfo.decision": "approve"}
    loan: Fields = {"mfo.loan.id": f"L-{key}", "mfo.client.id": client.id}
    yield from disclose(loan, at + 60)
    at = yield from sign(client, key, {**loan, "mfo.amount": amount}, at + 280)
    stored: Fields = {"mfo.archive.id": f"ar-{key}", "mfo.loan.id": loan["mfo.loan.id"], "file.extension": "pdf"}
    yield at + 5, "archive.document.stored", stored
    yield from _pay_out(rng, client, key, loan, amount, at)


def filled_in(client: Client) -> Fields:
    """What an application says of its person, his device and his address."""
    return {
        "mfo.client.iin": client.iin,
        "mfo.client.name": client.name,
        "mfo.client.phone": client.phone,
        "device.id": client.device,
        "source.ip": client.address,
    }


def register(rng: Chance, client: Client, key: str, session: str, at: float, document: str | None = None) -> Telling:
    """Become a client: code, document, face, the identification centre, the phone base, a signature; then the data."""
    at = yield from code(rng, client, session, at, "register")
    at = yield from identify(rng, client, key, session, at + 20)
    phone: Fields = {"mfo.client.iin": client.iin, "mfo.client.phone": client.phone, "mfo.phone.source": "egov"}
    yield at + 2, "phone.ownership_checked", {**phone, "mfo.outcome": "match"}
    yield from _signature(client, f"er-{key}", at + 10)
    completed: Fields = {
        "mfo.client.iin": client.iin,
        "mfo.client.name": client.name,
        "mfo.client.phone": client.phone,
        "mfo.doc.type": "id-card",
        "mfo.document.number": document or client.document,
        "mfo.document.expires": f"{2028 + client.number % 8}-06-01T00:00:00+05:00",
        "mfo.photo.ref": f"ph-{key}",
        "mfo.phone.ownership_ref": f"po-{key}",
        "mfo.biometric.session_id": f"o-{key}",
        "mfo.eds.certificate.serial": _serial(client),
    }
    yield at + 15, "portal.registration.completed", completed
    return at + 15


def identify(rng: Chance, client: Client, key: str, session: str, at: float) -> Telling:
    """Both sides of the document, liveness with a challenge, the face, the identification centre."""
    here: Fields = {"session.id": session}
    scan: Fields = {"mfo.scan.id": f"v-{key}", "mfo.doc.type": "id-card", "mfo.veridoc.sides": 2}
    yield at, "veridoc.result", {**here, **scan, "mfo.document.iin_ocr": client.iin, "mfo.outcome": "passed"}
    asked = rng.sample(("blink", "turn_left", "turn_right", "smile"), 2)
    yield (
        at + 12,
        "verilive.result",
        {**here, "event.risk_score": 3, "mfo.outcome": "passed", "mfo.challenge.actions": asked},
    )
    face: Fields = {"mfo.match.id": f"m-{key}", "mfo.biometric.score": round(rng.uniform(95.5, 99.9), 1)}
    yield at + 14, "veriface.match", {**here, **face, "mfo.biometric.threshold": 95, "mfo.outcome": "match"}
    yield from _ask_centre(client, f"o-{key}", at + 20, "register")
    return at + 20


def screen(client: Client, at: float, outcome: str = "clean") -> Iterator[Step]:
    """The lists of AML are asked for the client."""
    lists: Fields = {"mfo.lists": ["fm", "un"], "mfo.cdd.level": 1}
    yield at, "aml.screening.result", {"mfo.client.id": client.id, **lists, "mfo.outcome": outcome}


def disclose(loan: Fields, at: float) -> Iterator[Step]:
    """The rules, the costs, both schedules and the rights are shown before signing."""
    for number, item in enumerate(DISCLOSED):
        yield at + 20 * number, "portal.disclosure.shown", {**loan, "mfo.disclosure.item": item, "mfo.version": "7"}


def sign(client: Client, key: str, contract: Fields, at: float) -> Telling:
    """An online contract without security, signed with the face before the centre and with the digital signature."""
    yield from _ask_centre(client, f"os-{key}", at - 40, "sign")
    yield from _signature(client, f"e-{key}", at - 20)
    proofs: Fields = {"mfo.biometric.result_id": f"os-{key}", "mfo.eds.signature_id": f"e-{key}"}
    terms: Fields = {"mfo.loan.online": True, "mfo.loan.secured": False, "mfo.auth.factors": ["face", "eds"]}
    yield at, "loan.contract.signed", {**contract, **terms, **proofs}
    return at


def own_account(client: Client, loan: Fields, at: float) -> Iterator[Step]:
    """The bank confirms that the account is the client's."""
    account: Fields = {"mfo.payout.account_hash": client.account, "mfo.method": "bank-api"}
    yield at, "loan.account_ownership_verified", {**loan, **account, "mfo.outcome": "match"}


def _check(rng: Chance, client: Client, key: str, application: str, at: float) -> Iterator[Step]:
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
    report: Fields = {"mfo.request.id": f"q-{key}", "mfo.report.id": f"p-{key}", "mfo.outcome": "ok"}
    yield at + 3, "pkb.report.received", {**report, "mfo.loan.application_id": application}
    checked: Fields = {"mfo.check.id": f"f-{key}", "mfo.client.id": client.id, "mfo.outcome": "clean"}
    yield at + 4, "antifraud.client_checked", checked
    score = round(rng.betavariate(2, 6) * 85)
    if score > 55:
        alert: Fields = {"mfo.alert.id": f"al-{key}", "event.risk_score": score, "mfo.client.id": client.id}
        yield at + 5, "antifraud.alert.raised", alert


def _ask_centre(client: Client, request: str, at: float, purpose: str) -> Iterator[Step]:
    asked: Fields = {"mfo.request.id": request, "mfo.client.iin": client.iin, "mfo.purpose": purpose}
    yield at, "coid.result", {**asked, "mfo.outcome": "match"}


def _signature(client: Client, signature: str, at: float) -> Iterator[Step]:
    verified: Fields = {
        "mfo.signature.id": signature,
        "mfo.certificate.serial": _serial(client),
        "mfo.act.issuer": "NCA RK",
        "mfo.eds.subject_iin": client.iin,
        "mfo.ocsp.status": "good",
        "mfo.outcome": "valid",
    }
    yield at, "eds.signature_verified", verified


def _serial(client: Client) -> str:
    return hashlib.sha256(f"certificate:{client.number}".encode()).hexdigest()[:20]


def _pay_out(rng: Chance, client: Client, key: str, loan: Fields, amount: int, at: float) -> Iterator[Step]:
    yield from own_account(client, loan, at + 10)
    if amount > COOLING_ABOVE:
        at += COOLING + rng.uniform(600, 9_000)
        yield at, "loan.consent.confirmed", {**loan, "mfo.channel": "portal"}
    to: Fields = {"mfo.payout.account_hash": client.account, "mfo.payout.type": rng.choice(["bank", "card"])}
    pay: Fields = {**loan, **to, "mfo.amount": amount}
    yield at + 20, "loan.disbursement.requested", pay
    yield at + rng.uniform(40, 400), "loan.disbursement.executed", {**pay, "mfo.payout.reference": f"pay-{key}"}
