"""Messages in CEF: the examples of the products' own documents, escapes, and that every input gets a verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.catalogue import builtin_catalogue
from engine.events.cef import TWICE, CefUnmapped, NotCef, Product, builtin_cef, instant, parse_cef
from engine.events.envelope import SecurityEvent
from engine.events.parser import EventParser
from engine.events.syslog import read_message
from engine.kernel.errors import InputError

CATALOGUE = builtin_catalogue()
AT = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
EPOCH = 1795410000
"""10:00 in Almaty on 23 November 2026 (2026-11-23T05:00:00Z), as seconds."""


def fields_of(text: str) -> dict[str, Any]:
    """The fields of a message, as the door leaves them."""
    line = read_message(text.encode(), CATALOGUE)
    event = EventParser(CATALOGUE, "firewall", AT).read(line)
    assert isinstance(event, SecurityEvent), event
    return event.fields


def test_header_and_extension_are_unescaped() -> None:
    it = parse_cef(
        r"CEF:0|security|threat\|manager|1.0\\2|100|detected a \| in message|10|src=10.0.0.1 act=blocked a \="
        r" dst=1.1.1.1 msg=first\nsecond \\ third request=http://a/?x\=1"
    )
    assert (it.vendor, it.product, it.version) == ("security", "threat|manager", "1.0\\2")
    assert (it.id, it.name, it.severity) == ("100", "detected a | in message", "10")
    assert {key: it.said(key) for key in it.extension} == {
        "src": "10.0.0.1", "act": "blocked a =", "dst": "1.1.1.1", "msg": "first\nsecond \\ third",
        "request": "http://a/?x=1",
    }  # fmt: skip


def test_values_hold_spaces_and_keys_may_be_empty() -> None:
    it = parse_cef("CEF:1|v|p|1|2|n|3|msg=two words  suser=  cs1Label=Rule Name cs1=a b")
    assert it.said("msg") == "two words"
    assert it.said("suser") is None
    assert it.said("cs1") == "a b"
    assert parse_cef("CEF:0|v|p|1|2|n|3|").extension == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CEF:0|v|p|1|2|n", "name"),
        ("CEF:0|v|p\\|1|2|n|3|", "severity"),
        ("CEF:0|", "vendor"),
        ("CEF:2|v|p|1|2|n|3|", "awaited"),
        ("CEF:0|v|p|1|2|n|3|no keys here", "key=value"),
    ],
)
def test_what_is_no_cef_is_refused_by_the_part(text: str, said: str) -> None:
    with pytest.raises(NotCef, match=said):
        parse_cef(text)


FORTIGATE_VIRUS = (
    "<185>Nov 23 10:00:00 FGT-A CEF: 0|Fortinet|Fortigate|v6.0.3|08192|utm:virus infected blocked|4|"
    "deviceExternalId=FGT1 FTNTFGTlogid=0211008192 cat=utm:virus FTNTFGTsubtype=virus FTNTFGTeventtime={epoch} "
    "msg=File is infected. act={act} app=HTTP externalId=695 src=10.1.100.11 dst=172.16.200.55 spt=44356 dpt=80 "
    "deviceInboundInterface=port12 FTNTFGTsrcintfrole=undefined proto=6 fname=eicar.com FTNTFGTvirus=EICAR_TEST_FILE "
    "request=http://172.16.200.55/virus/eicar.com?a\\=1 duser=bob FTNTFGTanalyticscksum=" + 64 * "a"
)


def test_fortigate_antivirus() -> None:
    found = fields_of(FORTIGATE_VIRUS.format(epoch=EPOCH, act="blocked"))
    assert found["event.action"] == "net.av.detection"
    assert found["mfo.av.action"] == "blocked"
    assert found["threat.software.name"] == "EICAR_TEST_FILE"
    assert found["file.hash.sha256"] == 64 * "a"
    assert found["url.original"].endswith("?a=1")
    assert (found["source.ip"], found["source.port"], found["network.transport"]) == ("10.1.100.11", 44356, "tcp")
    assert (found["host.name"], found["observer.vendor"]) == ("172.16.200.55", "Fortinet")
    assert found["@timestamp"] == "2026-11-23T05:00:00+00:00"
    assert found["mfo.cef.FTNTFGTlogid"] == "0211008192"
    assert "observer.ingress.zone" not in found
    assert found["event.original"].startswith("CEF: 0|Fortinet")


def test_what_the_antivirus_let_pass_is_not_blocked() -> None:
    assert fields_of(FORTIGATE_VIRUS.format(epoch=EPOCH, act="passthrough"))["mfo.av.action"] == "passthrough"
    found = fields_of(FORTIGATE_VIRUS.format(epoch=EPOCH, act="blocked act=passthrough"))
    assert "mfo.av.action" not in found
    assert found["mfo.cef.act"] == ["blocked", "passthrough"]
    assert found["tags"] == [TWICE]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "CEF:0|Fortinet|Fortigate|v6.0.3|00013|traffic:forward close|3|cat=traffic:forward act=close "
            "src=203.0.113.9 dst=10.0.5.5 dpt=5432 FTNTFGTsrcintfrole=wan FTNTFGTdstintfrole=lan in=1605 out=398",
            {"event.action": "net.firewall.flow", "mfo.firewall.action": "allow", "observer.ingress.zone": "wan",
             "destination.port": 5432, "source.bytes": 1605, "destination.bytes": 398},
        ),
        (
            "CEF:0|Fortinet|Fortigate|v7.4.11|16384|utm:ips signature|7|cat=utm:ips src=192.0.2.10 act=detected "
            "FTNTFGTattack=Example.Signature FTNTFGTattackid=12345",
            {"event.action": "net.ips.alert", "rule.id": "12345", "rule.name": "Example.Signature",
             "event.severity": 1, "rule.category": "utm:ips"},
        ),
        (
            "CEF:0|Fortinet|FortiGate-VM64|6.4.8|0201009238|virus utm monitored|5|cat=utm act=monitored fname=a.exe",
            {"event.action": "net.av.detection", "mfo.av.action": "monitored", "event.severity": 2},
        ),
        (
            "CEF:0|Palo Alto Networks|PAN-OS|10.2|deny|TRAFFIC|1|rt=1795410000000 src=203.0.113.9 dst=10.0.5.5 "
            "act=deny cs4Label=Source Zone cs4=untrust cs5Label=Destination Zone cs5=db cn1Label=SessionID cn1=7",
            {"event.action": "net.firewall.flow", "mfo.firewall.action": "deny", "observer.ingress.zone": "untrust",
             "observer.egress.zone": "db", "mfo.cef.sessionid": "7", "@timestamp": "2026-11-23T05:00:00+00:00"},
        ),
        (
            "CEF:0|Palo Alto Networks|PAN-OS|10.2|virus|THREAT|4|cat=Eicar Test File(100000) act=reset-both dhost=ws-1",
            {"event.action": "net.av.detection", "threat.software.name": "Eicar Test File(100000)",
             "host.name": "ws-1", "mfo.av.action": "reset-both"},
        ),
        (
            "CEF:0|Check Point|VPN-1 & FireWall-1|Check Point|Log|https|Unknown|act=Accept rt=1795410000000 "
            "src=203.0.113.9 dst=10.0.5.5 inzone=External outzone=Internal cs2Label=Rule Name cs2=policy-7",
            {"event.action": "net.firewall.flow", "mfo.firewall.action": "accept", "observer.ingress.zone": "External",
             "rule.name": "policy-7"},
        ),
        (
            "CEF:0|KasperskyLab|SecurityCenter|13.2|GNRL_EV_OBJECT_NOTCURED|Not disinfected|4|dhost=WS6465 "
            "dst=10.55.203.12 cs2=KES cs2Label=ProductName fileHash=" + 32 * "b",
            {"event.action": "net.av.detection", "mfo.av.action": "none", "host.name": "WS6465",
             "mfo.cef.productname": "KES", "file.hash.md5": 32 * "b"},
        ),
        (
            "CEF:0|Anyone|Anything|1|net.ddos.started|L7 flood|9|cs1Label=mfo.ddos.target cs1=portal "
            "cn1Label=mfo.ddos.pps cn1=40000",
            {"event.action": "net.ddos.started", "mfo.ddos.target": "portal", "mfo.ddos.pps": 40000},
        ),
    ],
)  # fmt: skip
def test_products_of_the_table(text: str, wanted: dict[str, Any]) -> None:
    found = fields_of(f"<134>1 2026-11-23T10:00:00+05:00 fw - - - - {text}")
    assert {name: found.get(name) for name in wanted} == wanted


def test_a_product_nobody_described_is_set_aside_until_a_house_names_it() -> None:
    text = b"<134>1 2026-11-23T10:00:00+05:00 waf - - - - CEF:0|ACME|Waf|2|sqli|Attack|9|src=203.0.113.5"
    with pytest.raises(CefUnmapped, match=r"ACME\|Waf\|sqli"):
        read_message(text, CATALOGUE)
    table = builtin_cef().with_types({"acme|waf|*": "net.ips.alert"})
    found = json.loads(read_message(text, CATALOGUE, table))
    assert (found["event.action"], found["rule.id"], found["source.ip"]) == ("net.ips.alert", "sqli", "203.0.113.5")


def test_every_event_type_and_field_of_the_table_is_known() -> None:
    table = builtin_cef()
    assert {it.action for it in table.products} <= set(CATALOGUE.events)
    assert set(table.words) <= set(CATALOGUE.events)
    roots = {"observer", "source", "destination", "file", "rule", "threat", "event", "@timestamp", "mfo", "host"}
    named = {name for it in table.products for name in (*it.fields.values(), *it.set)} | set(table.labels.values())
    assert {name.split(".")[0] for name in named} <= roots
    assert all(Product.model_validate(it.model_dump()) == it for it in table.products)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1795410000", "2026-11-23T05:00:00+00:00"),
        ("1795410000123", "2026-11-23T05:00:00.123000+00:00"),
        ("1795410000123456789", "2026-11-23T05:00:00.123456+00:00"),
        ("Nov 23 2026 10:00:00.500 +0500", "2026-11-23T05:00:00.500000+00:00"),
        ("Nov 23 2026 05:00:00 UTC", "2026-11-23T05:00:00+00:00"),
        ("2026-11-23T10:00:00+05:00", "2026-11-23T10:00:00+05:00"),
        ("Nov 23 2026 10:00:00", None),
        ("Nov 23 10:00:00", None),
        ("Nov 31 2026 10:00:00 UTC", None),
        ("Nov 23 2026 10:00:00 +9900", None),
        ("", None),
    ],
)
def test_only_what_has_a_year_and_a_zone_is_an_instant(text: str, wanted: str | None) -> None:
    assert instant(text) == wanted


def test_a_message_without_an_instant_counts_from_its_receipt() -> None:
    line = read_message(b"<134>Nov 23 10:00:00 fw1 CEF:0|A|B|1|net.ips.alert|x|9|src=203.0.113.5", CATALOGUE)
    event = EventParser(CATALOGUE, "firewall", AT).read(line)
    assert isinstance(event, SecurityEvent)
    assert event.at == AT
    assert event.flags == ("time-missing",)
    assert (event.fields["host.name"], event.fields["log.syslog.facility.code"]) == ("fw1", 16)


def test_a_relay_that_took_the_beginning_for_a_program_is_understood() -> None:
    text = "CEF:0|Anyone|Anything|1|net.ips.alert|x|9|src=203.0.113.5"
    head = "<134>1 2026-11-23T10:00:00+05:00 fw"
    line = json.loads(read_message(f"{head} CEF - - - {text.removeprefix('CEF:')}".encode(), CATALOGUE))
    assert (line["event.action"], line["event.original"], line["host.name"]) == ("net.ips.alert", text, "fw")


@given(st.binary(max_size=300))
def test_hostile_bytes_get_a_verdict(tail: bytes) -> None:
    for head in (b"<134>1 - fw - - - - CEF:0|", b"<134>Nov 23 10:00:00 fw CEF:0|A|B|1|net.ips.alert|n|3|", b"CEF:0|"):
        try:
            line = read_message(head + tail, CATALOGUE)
        except InputError as error:
            assert error.code in {"not-syslog", "not-cef", "cef-unmapped"}
            continue
        EventParser(CATALOGUE, "firewall", AT).read(line)


_TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Zl", "Zp"), exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x1f\x85"),
    max_size=30,
)


@given(st.lists(_TEXTS, min_size=6, max_size=6), st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), _TEXTS))
def test_what_is_written_by_the_rules_is_read_as_it_was(parts: list[str], extension: dict[str, str]) -> None:
    def header(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|")

    def value(text: str) -> str:
        return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")

    body = " ".join(f"{key}={value(text)}" for key, text in extension.items())
    it = parse_cef("CEF:0|" + "".join(header(part) + "|" for part in parts) + body)
    assert (it.vendor, it.product, it.version, it.id, it.name, it.severity) == tuple(part.strip() for part in parts)
    assert {key: it.said(key) or "" for key in it.extension} == {key: text.rstrip() for key, text in extension.items()}
