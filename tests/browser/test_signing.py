"""A real browser: an officer signs a notice with NCALayer, which a double at the end of the page's WebSocket plays."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.test_console import browser, page_of, serving_process
from tests.ncanode import Centre, Key, Node, serving
from tests.support import World

pytestmark = pytest.mark.browser
__all__ = ["browser"]
DANA = "900101300017"
NCALAYER = "wss://127.0.0.1:13579/"


def layer(key: Key, asked: list[dict[str, Any]]) -> Callable[[Any], None]:
    """NCALayer: its first word is its version; then it signs what it is given."""

    def connected(socket: Any) -> None:
        def message(text: str) -> None:
            asked.append(json.loads(text))
            cms = key.sign(base64.b64decode(asked[-1]["args"]["data"]))
            pem = f"-----BEGIN CMS-----\n{base64.encodebytes(cms).decode()}-----END CMS-----\n"
            socket.send(json.dumps({"status": True, "body": {"result": [pem]}}))

        socket.on_message(message)
        socket.send(json.dumps({"result": {"version": "1.4"}}))

    return connected


def test_an_officer_signs_with_ncalayer(browser: Any, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    centre = Centre(now)
    dana = centre.issue("ДАНА", DANA)
    (tmp_path / "node").mkdir()
    world = World(tmp_path / "data").people()
    world.container.dispatcher.desk.signers.set("dana", DANA, actor="test")
    token = world.container.accounts.new_source("portal")
    world.container.close()
    with serving(Node(centre, tmp_path / "node", now)) as node:
        named = {f"QORGAU_ORGANISATION_{it}": "MFO" for it in ("RU", "KK", "EN")}
        required = {
            "QORGAU_NOTICE_SIGNATURE": "required", "QORGAU_NCANODE_URL": node.url,
            "QORGAU_ORGANISATION_BIN": "000000000000", "QORGAU_ORGANISATION_CONTACT": "+7 727 000 00 00", **named,
        }  # fmt: skip
        with serving_process(tmp_path / "data", **required) as address:
            event = {"event.id": "e-1", "event.action": "portal.profile.change_applied", "mfo.change.field": "iin"}
            httpx.post(
                f"{address}/api/v1/events", json={**event, "mfo.client.id": "c-77", "@timestamp": now.isoformat()},
                headers={"Authorization": f"Bearer {token}"},
            )  # fmt: skip
            problems: list[str] = []
            officer = page_of(browser, address, "dana", problems)
            officer.click("text=IIN changed in the cabinet: c-77")
            officer.click("text=Regulator notice")

            # Nothing listens there: the page may ask, and says so.
            officer.click("#sign-here")
            officer.wait_for_selector("#sign-said:has-text('NCALayer does not answer')")
            assert not [it for it in problems if "Content Security Policy" in it]
            problems.clear()

            asked: list[dict[str, Any]] = []
            officer.route_web_socket(NCALAYER, layer(dana, asked))
            officer.reload()
            officer.click("#sign-here")
            officer.wait_for_selector("#signature:has-text('Signed digitally by ДАНА')")
            assert (asked[0]["module"], asked[0]["method"]) == ("kz.gov.pki.knca.basics", "sign")
            assert asked[0]["args"]["signingParams"]["encapsulate"] is False
            assert problems == []
