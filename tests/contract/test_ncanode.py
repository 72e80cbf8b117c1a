"""NCANode is asked as its openapi.yml says, and only what it clearly says is valid counts as valid."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.notices import reasons as it
from infra.outbound import cms as reader
from infra.outbound.ncanode import NcaNode
from infra.outbound.orders import HttpPost
from tests.ncanode import Centre, Key, Node, serving
from tests.support import MONDAY, MovingClock

IIN, OTHER = "900101300017", "850505400028"
TEXT = b'{"notice":"1"}'
CENTRE = Centre()
OFFICER = CENTRE.issue("ОФИЦЕР ДАНА", IIN, bin="000000000000")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with serving(Node(CENTRE, tmp_path)) as found:
        yield found


def adapter(node: Node) -> NcaNode:
    clock = MovingClock(MONDAY)
    return NcaNode(HttpPost(clock, 5), node.url, clock)


def test_a_valid_signature_names_who_signed(node: Node) -> None:
    cms = OFFICER.sign(TEXT)
    found = adapter(node).verify(cms, TEXT)
    assert (found.outcome, found.reason) == ("valid", "")
    assert (found.iin, found.signer, found.bin) == (IIN, "ОФИЦЕР ДАНА", "000000000000")
    assert int(found.certificate, 16) == OFFICER.certificate.serial_number
    assert found.valid_until == OFFICER.certificate.not_valid_after_utc
    assert (found.revocation, found.source) == ("OCSP", f"NCANode {node.url.removeprefix('http://')}")
    path, asked = node.asked[0]
    assert path == "/cms/verify"
    assert asked == {
        "cms": base64.b64encode(cms).decode(), "data": base64.b64encode(TEXT).decode(), "revocationCheck": ["OCSP"],
    }  # fmt: skip


def expired() -> Key:
    return CENTRE.issue("EXPIRED", IIN, days=50)


@pytest.mark.parametrize(
    ("cms", "reason"),
    [
        (lambda: OFFICER.sign(TEXT + b" "), it.WRONG),
        (lambda: expired().sign(TEXT), it.EXPIRED),
        (lambda: CENTRE.issue("AUTH", IIN, use="AUTH").sign(TEXT), it.TO_SIGN_IN),
        (lambda: CENTRE.issue("SEAL ONLY", "", bin="000000000000").sign(TEXT), it.NOBODY),
        (lambda: OFFICER.sign(TEXT, detached=False), it.NOT_DETACHED),
        (lambda: OFFICER.sign(b"other words", detached=False), it.NOT_DETACHED),
        (lambda: OFFICER.sign(TEXT, also=CENTRE.issue("SECOND", OTHER)), it.NOT_ONE),
        (lambda: b"no CMS", it.NO_CMS),
        (lambda: OFFICER.sign(TEXT)[:-9], it.NO_CMS),
        (lambda: OFFICER.sign(TEXT) + b"\0", it.NO_CMS),
        (lambda: OFFICER.certificate.public_bytes(reader_der()), it.NO_CMS),
    ],
)  # fmt: skip
def test_what_is_wrong_is_not_valid(node: Node, cms: Any, reason: str) -> None:
    found = adapter(node).verify(cms(), TEXT)
    assert (found.outcome, found.reason) == ("invalid", reason)


def reader_der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_a_revoked_certificate_is_not_valid(node: Node) -> None:
    node.revoked.add(OFFICER.certificate.serial_number)
    found = adapter(node).verify(OFFICER.sign(TEXT), TEXT)
    assert (found.outcome, found.reason) == ("invalid", it.REVOKED)


def test_a_certificate_of_another_authority_is_not_valid(node: Node) -> None:
    found = adapter(node).verify(Centre().issue("FAKE", IIN).sign(TEXT), TEXT)
    assert found.outcome == "invalid"


def test_what_ocsp_does_not_answer_is_not_valid(node: Node) -> None:
    node.ocsp = False
    found = adapter(node).verify(OFFICER.sign(TEXT), TEXT)
    assert (found.outcome, found.reason) == ("invalid", it.UNCONFIRMED)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, "text/html", b"<html>sign in</html>"), it.ODD),
        ((200, "application/json", b"\xff\xfe garbage"), it.ODD),
        ((200, "application/json", b"[]"), it.ODD),
        ((200, "application/json", b'{"status": 200, "valid": true}'), it.ODD),
        ((200, "application/json", b'{"status": 200, "valid": true, "signers": []}'), it.ODD),
        ((200, "application/json", b'{"status": 200, "valid": true, "signers": [{"certificates": []}]}'), it.ODD),
        ((202, "application/json", b'{"status": 202, "message": "queued"}'), it.ODD),
        ((204, "application/json", b""), it.ODD),
        ((302, "text/html", b""), it.ODD),
        ((400, "text/html", b"<html>bad gateway</html>"), it.ODD),
        ((500, "application/json", b'{"status": 500, "message": "no"}'), it.AWAY),
        ((503, "text/html", b"later"), it.AWAY),
    ],
)
def test_an_answer_that_does_not_say_so_is_unknown(node: Node, answer: Any, reason: str) -> None:
    node.answer = answer
    found = adapter(node).verify(OFFICER.sign(TEXT), TEXT)
    assert (found.outcome, found.reason) == ("unknown", reason)


def test_a_node_that_is_down_says_nothing(node: Node) -> None:
    asked = adapter(node)
    asked.url = "http://127.0.0.1:1"
    assert asked.verify(OFFICER.sign(TEXT), TEXT).outcome == "unknown"


HONEST = {"valid": True, "by": "OCSP"}


def altered(**certificate: Any) -> dict[str, Any]:
    """A valid answer but for some values of its certificate; None leaves one out."""
    plain = {
        "valid": True, "revocations": [{"revoked": False, "by": "OCSP"}], "keyUsage": "SIGN",
        "notBefore": "2020-01-01T00:00:00.000+00:00", "notAfter": "2040-01-01T00:00:00.000+00:00",
        "serialNumber": f"{OFFICER.certificate.serial_number:x}", "subject": {"commonName": "D", "iin": IIN},
        "issuer": {"commonName": "NCA"},
    }  # fmt: skip
    held = {name: value for name, value in {**plain, **certificate}.items() if value is not None}
    return {"valid": True, "signers": [{"certificates": [held]}]}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (altered(), "valid"),
        ({**altered(), "valid": "true"}, "unknown"),
        ({**altered(), "valid": 1}, "unknown"),
        ({**altered(), "status": 500}, "unknown"),
        ({**altered(), "signers": altered()["signers"] * 2}, "unknown"),
        (altered(valid="true"), "invalid"),
        (altered(revocations=None), "unknown"),
        (altered(revocations=[]), "unknown"),
        (altered(revocations=5), "unknown"),
        (altered(revocations={"OCSP": "good"}), "unknown"),
        (altered(revocations=["good"]), "unknown"),
        (altered(serialNumber=31), "unknown"),
        (altered(notAfter=1796000000000), "unknown"),
        ({**altered(), "signers": "all"}, "unknown"),
        ({**altered(), "signers": [{"certificates": "all"}]}, "unknown"),
        (altered(revocations=[{"revoked": False, "by": "CRL"}]), "unknown"),
        (altered(revocations=[{"by": "OCSP"}]), "unknown"),
        (altered(revocations=[{"revoked": "false", "by": "OCSP"}]), "unknown"),
        (altered(revocations=[{"revoked": False, "by": "OCSP"}, {"revoked": True, "by": "CRL"}]), "invalid"),
        (altered(serialNumber="1f"), "unknown"),
        (altered(serialNumber=None), "unknown"),
        (altered(notAfter="whenever"), "unknown"),
        (altered(notBefore="2039-01-01T00:00:00.000+00:00"), "invalid"),
        (altered(keyUsage="UNKNOWN"), "unknown"),
        (altered(keyUsage=None), "unknown"),
        (altered(subject=None), "invalid"),
        (altered(subject={"iin": "123"}), "invalid"),
        (altered(subject={"iin": 900101300017}), "invalid"),
    ],
)  # fmt: skip
def test_every_part_of_the_answer_must_say_so(node: Node, change: dict[str, Any], outcome: str) -> None:
    node.answer = (200, "application/json", orjson.dumps({"status": 200, "message": "OK", **change}))
    assert adapter(node).verify(OFFICER.sign(TEXT), TEXT).outcome == outcome


def test_the_time_stamp_of_a_signature_is_told(node: Node) -> None:
    said = altered()
    said["signers"][0]["tsp"] = {"genTime": "2026-03-02T04:00:00.000+00:00", "serialNumber": "1"}
    node.answer = (200, "application/json", orjson.dumps({"status": 200, "message": "OK", **said}))
    found = adapter(node).verify(OFFICER.sign(TEXT), TEXT)
    assert found.stamped_at is not None
    assert found.stamped_at.isoformat() == "2026-03-02T04:00:00+00:00"


def test_a_seal_is_made_detached_and_with_a_time_stamp(node: Node) -> None:
    seal = CENTRE.issue("SEAL", IIN, bin="000000000000")
    made = adapter(node).seal(TEXT, seal.keystore("secret"), "secret")
    assert reader.signer_serial(made) == seal.certificate.serial_number
    path, asked = node.asked[0]
    assert (path, asked["withTsp"], asked["detached"]) == ("/cms/sign", True, True)


def test_lengths_that_stand_open_are_read() -> None:
    """As NCALayer writes them (BER)."""
    closed = OFFICER.sign(TEXT)
    whole, _ = reader._read(closed, 0, len(closed), 0)
    kind, wrapped = whole.parts
    inner = wrapped.parts[0].body
    oid = bytes([6, len(kind.body)]) + kind.body
    opened = b"\x30\x80" + oid + b"\xa0\x80" + b"\x30\x80" + inner + b"\0\0" * 3
    assert reader.signer_serial(opened) == OFFICER.certificate.serial_number
    for cut in range(len(opened)):
        with pytest.raises(reader.CmsFault):
            reader.signer_serial(opened[:cut])
