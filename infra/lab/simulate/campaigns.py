"""What attackers and careless people do: labelled campaigns, each naming the rule that must find it."""

from __future__ import annotations

from collections.abc import Iterator

from infra.lab.simulate.lending import disclose, filled_in, own_account, register, screen, sign
from infra.lab.simulate.people import Chance, staff, workstation
from infra.lab.simulate.stories import Fields, Step, Story, sign_in, someone


def credential_stuffing(rng: Chance, key: str) -> Iterator[Step]:
    """One address tries lists of stolen passwords."""
    address = f"203.0.113.{rng.randrange(1, 255)}"
    for i in range(rng.randrange(14, 40)):
        who: Fields = {"mfo.client.id": someone(rng).id, "source.ip": address, "device.id": "headless"}
        yield (
            i * rng.uniform(2, 9),
            "portal.login.failed",
            {**who, "event.reason": "bad_password", "mfo.auth.attempt": 1},
        )


def iin_change(rng: Chance, key: str) -> Iterator[Step]:
    """Somebody changes an IIN in the cabinet."""
    fields: Fields = {"mfo.client.id": someone(rng).id, "mfo.change.field": "iin", "mfo.channel": "portal"}
    yield 0.0, "portal.profile.change_applied", {**fields, "mfo.change.applied_by": staff(rng.employee())}


def account_takeover(rng: Chance, key: str) -> Iterator[Step]:
    """SIM swap: the phone is changed without biometrics, then a payout is asked for."""
    client = someone(rng)
    yield from sign_in(rng, client, f"ato-{key}")
    change: Fields = {"mfo.client.id": client.id, "mfo.change.field": "phone", "mfo.channel": "portal"}
    yield 120.0, "portal.profile.change_applied", change
    pay: Fields = {"mfo.client.id": client.id, "mfo.loan.id": f"L-ato-{key}", "mfo.amount": 290_000}
    yield 600.0, "loan.disbursement.requested", {**pay, "mfo.payout.account_hash": f"sha256:mule-{rng.randrange(999)}"}


def payout_to_stranger(rng: Chance, key: str) -> Iterator[Step]:
    """Money goes to an account nobody confirmed as the client's."""
    client = someone(rng)
    pay: Fields = {"mfo.client.id": client.id, "mfo.loan.id": f"L-pts-{key}", "mfo.amount": 180_000}
    yield 0.0, "loan.disbursement.executed", {**pay, "mfo.payout.account_hash": "sha256:stranger"}


def early_payout(rng: Chance, key: str) -> Iterator[Step]:
    """A large online loan is paid out within the hour."""
    client = someone(rng)
    loan: Fields = {"mfo.loan.id": f"L-ear-{key}", "mfo.client.id": client.id}
    yield from screen(client, 0.0)
    yield from disclose(loan, 20.0)
    yield from sign(client, f"ear-{key}", {**loan, "mfo.amount": 900_000}, 300.0)
    yield from own_account(client, loan, 320.0)
    yield 1800.0, "loan.disbursement.executed", {**loan, "mfo.amount": 900_000, **_to(client.account)}


def bureau_leak(rng: Chance, key: str) -> Iterator[Step]:
    """An employee looks people up without an application and uses a messenger beside the bureau session."""
    number = rng.employee()
    who: Fields = {"user.id": staff(number), "mfo.workstation.id": workstation(number)}
    own: Fields = {"mfo.workstation.ownership": "own", "mfo.os.auth": "password"}
    yield 0.0, "pkb.workstation.session_started", {**who, **own}
    for i in range(4):
        looked: Fields = {**who, "mfo.request.id": f"q-{key}-{i}", "mfo.client.iin": someone(rng).iin}
        yield 30.0 + i * 45, "pkb.report.requested", looked
    flow: Fields = {**who, "destination.domain": "web.whatsapp.com", "mfo.bureau.session_active": True}
    yield 240.0, "pkb.workstation.network_flow", {**flow, "network.bytes": 120_000}


def deepfake(rng: Chance, key: str) -> Iterator[Step]:
    """A virtual camera feeds a synthetic face."""
    session, device = f"df-{key}", f"d-emu-{rng.randrange(9999)}"
    yield 0.0, "verilive.result", {"session.id": session, "mfo.outcome": "failed", "event.risk_score": 88}
    vector: Fields = {"session.id": session, "device.id": device, "mfo.attack.vector": "virtual_camera"}
    yield 25.0, "verilive.injection_detected", vector


def otp_relay(rng: Chance, key: str) -> Iterator[Step]:
    """A code is accepted minutes later, read out by its owner to somebody else."""
    otp = f"relay-{key}"
    yield 0.0, "otp.sent", {"mfo.otp.id": otp, "mfo.otp.provider": "sms-1"}
    yield 190.0, "otp.verified", {"mfo.otp.id": otp, "mfo.otp.age_seconds": 190, "device.id": "d-relay"}


def man_in_the_middle(rng: Chance, key: str) -> Iterator[Step]:
    """The two ends disagree; the key is made invalid and used all the same."""
    session, channel_key = f"mitm-{key}", f"key-{key}"
    yield 0.0, "channel.protocol_mismatch", {"session.id": session, "mfo.key.id": channel_key}
    yield 1.0, "channel.transaction_cancelled", {"mfo.key.id": channel_key, "event.reason": "mismatch"}
    yield 2.0, "channel.key_invalidated", {"mfo.key.id": channel_key, "mfo.channel.owner": "client"}
    yield 500.0, "portal.session.started", {"session.id": f"{session}-2", "mfo.key.id": channel_key}


def device_farm(rng: Chance, key: str) -> Iterator[Step]:
    """One device applies for many persons."""
    device = f"d-farm-{key}"
    for i in range(6):
        form: Fields = {**filled_in(someone(rng)), "device.id": device, "mfo.loan.amount": 150_000}
        yield i * 400.0, "portal.application.submitted", form


def insider_export(rng: Chance, key: str) -> Iterator[Step]:
    """Somebody with rights copies the client table and mends a loan by hand."""
    user = f"adm-{rng.randrange(6)}"
    yield 0.0, "db.query.bulk", {"user.id": user, "mfo.db.table": "clients", "mfo.db.rows": 85_000}
    change: Fields = {"user.id": user, "mfo.db.table": "loans", "mfo.record.id": f"row-{rng.randrange(9999)}"}
    yield 300.0, "db.record.changed", {**change, "mfo.db.via_application": False}


def complaint(rng: Chance, key: str) -> Iterator[Step]:
    """A client finds a loan he never took."""
    fields: Fields = {"mfo.complaint.id": f"cq-{key}", "mfo.client.id": someone(rng).id, "mfo.channel": "call"}
    yield 0.0, "fraud.complaint.received", {**fields, "mfo.loan.id": f"L-cq-{key}", "mfo.text": "займ не оформлял"}


def victim(rng: Chance, key: str) -> Iterator[Step]:
    """A resolution makes a client a victim; an agency goes on calling."""
    client, loan = someone(rng), f"L-vic-{key}"
    act: Fields = {
        "mfo.act.id": f"act-{key}",
        "mfo.kind": "victim_resolution",
        "mfo.act.issuer": "УП Алмалинского района г. Алматы",
        "mfo.act.number": f"{key}/26",
        "mfo.channel": "office",
        "mfo.client.id": client.id,
        "mfo.client.iin": client.iin,
        "mfo.loan.ids": [loan],
    }
    yield 0.0, "legal.act.received", act
    call: Fields = {"mfo.loan.id": loan, "mfo.channel": "call", "mfo.collection.agency": "agency-3"}
    yield 5400.0, "collection.contact_attempted", call


def stolen_codes(rng: Chance, key: str) -> Iterator[Step]:
    """One device confirms codes that malware on many phones passed on."""
    device = f"d-codes-{key}"
    for i in range(rng.randrange(8, 14)):
        otp = f"stolen-{key}-{i}"
        yield i * 100.0, "otp.sent", {"mfo.otp.id": otp, "mfo.otp.provider": "sms-1"}
        age: Fields = {"mfo.otp.age_seconds": 12, "mfo.auth.attempts": 1}
        yield i * 100.0 + 12, "otp.verified", {"mfo.otp.id": otp, "device.id": device, **age}


def code_guessing(rng: Chance, key: str) -> Iterator[Step]:
    """Somebody tries numbers on one code."""
    for i in range(9):
        yield i * 4.0, "otp.rejected", {"mfo.otp.id": f"guess-{key}", "event.reason": "bad", "mfo.auth.attempts": i + 1}


def stacking(rng: Chance, key: str) -> Iterator[Step]:
    """One person applies again and again before any lender sees the others."""
    client = someone(rng)
    for i in range(5):
        form: Fields = {**filled_in(client), "mfo.loan.amount": 90_000 + i}
        yield i * 420.0, "portal.application.submitted", form
    seen: Fields = {"mfo.client.iin": client.iin, "mfo.lenders": 4, "mfo.window_minutes": 60}
    yield 2400.0, "bureau.applications.reported", seen


def one_address(rng: Chance, key: str) -> Iterator[Step]:
    """A call centre of fraudsters applies for many persons from one address, each on a device of its own."""
    address = f"192.0.2.{rng.randrange(1, 255)}"
    for i in range(11):
        form: Fields = {**filled_in(someone(rng)), "device.id": f"d-one-{key}-{i}", "source.ip": address}
        yield i * 240.0, "portal.application.submitted", form


def stolen_document(rng: Chance, key: str) -> Iterator[Step]:
    """Two persons register with one document."""
    for i in range(2):
        name = f"{key}-{i}"
        yield from register(rng, someone(rng), f"sto-{name}", f"sto-{name}", i * 5000.0, document=f"N{key}")


def helpful_stranger(rng: Chance, key: str) -> Iterator[Step]:
    """A caller steers the client's telephone through a loan."""
    alert: Fields = {"mfo.alert.id": f"ra-{key}", "event.risk_score": 71, "mfo.client.id": someone(rng).id}
    yield 0.0, "antifraud.alert.raised", {**alert, "mfo.alert.indicators": ["new_device", "anydesk"]}


def curious_employee(rng: Chance, key: str) -> Iterator[Step]:
    """An employee reads files of clients he has nothing to do with."""
    who = staff(rng.employee())
    for i in range(9):
        read: Fields = {"user.id": f"{who}-{key}", "mfo.client.id": someone(rng).id, "mfo.record.type": "contract"}
        yield i * 200.0, "portal.record.accessed", read


def leaver(rng: Chance, key: str) -> Iterator[Step]:
    """Somebody who has left goes on reading, then wipes the log."""
    user = f"left-{key}"
    yield 0.0, "hr.employee.changed", {"user.id": user, "mfo.employee.action": "leave"}
    yield 7200.0, "db.query.bulk", {"user.id": user, "mfo.db.table": "loans", "mfo.db.rows": 300}
    yield 7300.0, "log.cleared", {"host.name": f"srv-{key}", "user.id": user}


def own_rights(rng: Chance, key: str) -> Iterator[Step]:
    """An administrator gives himself rights."""
    user = f"adm-{key}"
    yield 0.0, "iam.access.granted", {"user.id": user, "mfo.approver": user, "mfo.access.system": "loans"}


def split_payout(rng: Chance, key: str) -> Iterator[Step]:
    """A large sum is cut into loans of one day, each paid out at once."""
    client = someone(rng)
    yield from screen(client, 0.0)
    for i in range(3):
        loan: Fields = {"mfo.loan.id": f"L-spl-{key}-{i}", "mfo.client.id": client.id}
        at = 300 + i * 3000.0
        yield from disclose(loan, at - 280)
        yield from sign(client, f"spl-{key}-{i}", {**loan, "mfo.amount": 150_000}, at)
        yield from own_account(client, loan, at + 20)
        yield at + 900, "loan.disbursement.executed", {**loan, "mfo.amount": 150_000, **_to(client.account)}


def two_countries(rng: Chance, key: str) -> Iterator[Step]:
    """A client signs in at home and minutes later far away."""
    who: Fields = {"mfo.client.id": someone(rng).id, "mfo.auth.factors": ["password", "otp"]}
    for at, country in ((0.0, "KZ"), (700.0, "NG")):
        yield (
            at,
            "portal.login.succeeded",
            {**who, "source.geo.country_iso_code": country, "session.id": f"{key}-{country}"},
        )


def mule(rng: Chance, key: str) -> Iterator[Step]:
    """Loans of several clients are asked for to one account."""
    for i in range(4):
        pay: Fields = {"mfo.loan.id": f"L-mul-{key}-{i}", "mfo.client.id": someone(rng).id, "mfo.amount": 90_000}
        yield i * 1500.0, "loan.disbursement.requested", {**pay, "mfo.payout.account_hash": f"sha256:mule-{key}"}


def open_database(rng: Chance, key: str) -> Iterator[Step]:
    """A mistake in the firewall opens the database to the internet."""
    flow: Fields = {
        "source.ip": "203.0.113.77",
        "destination.ip": f"10.9.{rng.randrange(200)}.5",
        "destination.port": 5432,
    }
    zones: Fields = {"observer.ingress.zone": "internet", "observer.egress.zone": "db", "mfo.firewall.action": "allow"}
    yield 0.0, "net.firewall.flow", {**flow, **zones}


def _to(account: str) -> Fields:
    return {"mfo.payout.account_hash": account, "mfo.payout.type": "bank"}


CAMPAIGNS: tuple[tuple[Story, tuple[str, ...]], ...] = (
    (iin_change, ("iin-immutable",)),
    (credential_stuffing, ("credential-stuffing",)),
    (account_takeover, ("sensitive-change", "payout-after-sim-swap")),
    (payout_to_stranger, ("payout-ownership",)),
    (bureau_leak, ("bureau-need-to-know", "bureau-no-internet")),
    (victim, ("collection-after-stop",)),
    (deepfake, ("liveness-injection",)),
    (complaint, ("fraud-complaint",)),
    (otp_relay, ("otp-validity",)),
    (man_in_the_middle, ("channel-integrity", "invalid-key-used")),
    (early_payout, ("disbursement-cooling-off",)),
    (device_farm, ("device-farm",)),
    (insider_export, ("bulk-query", "unauthorised-data-change")),
    (stolen_codes, ("otp-many-on-device",)),
    (code_guessing, ("otp-guessing",)),
    (stacking, ("loan-stacking", "loan-stacking-lenders")),
    (one_address, ("application-velocity-address",)),
    (stolen_document, ("synthetic-identity",)),
    (helpful_stranger, ("remote-access-tool",)),
    (curious_employee, ("insider-without-purpose", "record-without-purpose")),
    (leaver, ("access-after-leaving", "log-tampered")),
    (own_rights, ("self-approved-access",)),
    (split_payout, ("cooling-off-split",)),
    (two_countries, ("impossible-travel",)),
    (mule, ("shared-payout-account",)),
    (open_database, ("database-from-internet",)),
)
