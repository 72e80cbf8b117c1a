"""Second factors: enrolled, shown while signing in and before acts, each code taken once, nothing reached half-way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyotp
import pytest
from starlette.testclient import TestClient

from engine.accounts.facts import (
    SecondFactorEnrolled,
    SecondFactorFailed,
    SecondFactorRemoved,
    SecondFactorUsed,
    SignedIn,
)
from engine.kernel.errors import DataError, DecisionRefused, SecondFactorWrong
from engine.permissions import COMMANDS
from infra.commands.people.tokens import digest_of
from infra.web.app import create_app
from infra.web.context import COOKIE
from infra.web.people.second_step import STEP
from tests.commands import qorgau
from tests.support import COMPLIANCE, PASSWORD, World

OPEN = {
    "/sign-in", "/sign-in/second", "/sign-in/enrol", "/sign-in/passkey", "/sign-in/passkey/options",
    "/health", "/api/v1/events", "/api/v1/client-gateway/statuses",
    "/calendar/{token}.ics", "/api/v1/openapi.json", "/metrics",
}  # fmt: skip
"""Routes that ask for no session, or for a token of another kind."""


class Phone:
    """An authenticator, at the time of the world."""

    def __init__(self, world: World, secret: str) -> None:
        self.world, self.totp = world, pyotp.TOTP(secret)

    def code(self) -> str:
        """The code of the next half minute, which was not used yet."""
        self.world.clock.forward(seconds=30)
        return self.now()

    def now(self) -> str:
        return self.totp.at(self.world.clock.now())


def enrolled(world: World, user: str = "bolat") -> tuple[Phone, list[str]]:
    """Enrol an authenticator as its owner does; return it and the recovery codes."""
    second = world.container.accounts.second
    phone = Phone(world, second.begin(user).secret)
    return phone, second.confirm(user, phone.code())


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.container), headers={"Accept-Language": "en"}) as made:
        yield made


def facts(world: World, kind: type[Any]) -> list[Any]:
    return [it.fact for it in world.container.decisions.read(0, 5000) if isinstance(it.fact, kind)]


def csrf(client: TestClient) -> str:
    return str(client.get("/api/v1/me").json()["csrf"])


def password(client: TestClient, user: str = "bolat", to: str = "/account") -> Any:
    form = {"user": user, "password": PASSWORD, "to": to}
    return client.post("/sign-in", data=form, follow_redirects=False)


def drafted(world: World) -> str:
    """A notice to the regulator that waits for its approval."""
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    return str(world.notices(world.incidents()[0]["id"])["regulator"]["id"])


def test_an_authenticator_is_enrolled_on_the_own_page_and_asked_for_at_the_next_sign_in(
    world: World, client: TestClient
) -> None:
    assert password(client).status_code == 303
    other = world.container.accounts.sign_in("bolat", PASSWORD)
    form = {"csrf": csrf(client), "password": "not the password"}
    assert "password is wrong" in client.post("/account/second-factor", data=form).text
    page = client.post("/account/second-factor", data={**form, "password": PASSWORD}).text
    assert "data:image/svg+xml" in page
    phone = Phone(world, re.search(r'id="secret">([A-Z2-7]+)<', page)[1])  # type: ignore[index]
    before = client.cookies[COOKIE]
    wrong = client.post("/account/second-factor/confirm", data={**form, "code": "000000"})
    assert wrong.status_code == 401 and "not right" in wrong.text
    done = client.post("/account/second-factor/confirm", data={**form, "code": phone.code()}).text
    codes = re.findall(r"<li><code>([A-Z2-9-]{19})</code>", done)
    assert len(set(codes)) == 10
    assert client.cookies[COOKIE] != before, "the token of the session is renewed"
    assert world.container.accounts.session(other) is None, "every other session ended"
    assert not any(code in client.get("/account").text for code in codes)
    assert [it.factor for it in facts(world, SecondFactorEnrolled)] == ["totp"]

    client.cookies.clear()
    signed = len(facts(world, SignedIn))
    answer = password(client)
    assert answer.headers["location"].startswith("/sign-in/second") and COOKIE not in client.cookies
    assert len(facts(world, SignedIn)) == signed, "nobody is signed in yet"
    step = client.cookies[STEP]
    assert client.post("/sign-in/second", data={"second_factor": "000000"}).status_code == 401
    answer = client.post(
        "/sign-in/second", data={"second_factor": phone.code(), "to": "/account"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/account" and COOKIE in client.cookies and STEP not in client.cookies
    assert client.get("/account").status_code == 200
    assert [it.factor for it in facts(world, SecondFactorUsed)] == ["totp"]
    with pytest.raises(SecondFactorWrong):
        world.container.accounts.finish(step, phone.code())


def test_a_code_is_taken_once_even_by_two_at_the_same_moment(world: World) -> None:
    phone, codes = enrolled(world)
    second, code = world.container.accounts.second, phone.code()

    def shown(given: str) -> bool:
        try:
            second.check("bolat", given)
        except SecondFactorWrong:
            return False
        return True

    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(shown, [code] * 4)) == 1
        assert sum(many.map(shown, [codes[0]] * 4)) == 1
    world.container.accounts.let_try("bolat", actor="root")
    assert any(it.replayed for it in facts(world, SecondFactorFailed))
    assert not shown(code) and not shown(codes[0])
    assert shown(codes[1].lower().replace("-", " ")), "however it is typed"
    assert second.codes_left("bolat") == 8


def test_a_code_of_before_the_one_that_was_used_is_refused(world: World) -> None:
    phone, _ = enrolled(world)
    early = phone.code()
    world.clock.forward(seconds=30)
    world.container.accounts.second.check("bolat", phone.now())
    with pytest.raises(SecondFactorWrong, match="used before"):
        world.container.accounts.second.check("bolat", early)


def test_a_code_is_taken_half_a_minute_early_or_late_and_no_more(world: World) -> None:
    phone, _ = enrolled(world)
    now = world.clock.now()
    for seconds, right in ((-90, False), (90, False), (-30, True), (30, True)):
        code = phone.totp.at(now.timestamp() + 300 + seconds)
        world.clock.at = now
        world.clock.forward(seconds=300)
        try:
            world.container.accounts.second.check("bolat", code)
            taken = True
        except SecondFactorWrong:
            taken = False
        assert taken is right, seconds


def test_wrong_codes_at_the_same_time_are_as_many_as_one_after_the_other(world: World) -> None:
    phone, _ = enrolled(world)
    second = world.container.accounts.second

    def guess(n: int) -> None:
        with pytest.raises(SecondFactorWrong):
            second.check("bolat", f"{n:06}", address=f"10.0.0.{n}")

    with ThreadPoolExecutor(16) as many:
        list(many.map(guess, range(16)))
    assert len(facts(world, SecondFactorFailed)) == 5, "the others were not looked at, wherever they came from"
    with pytest.raises(SecondFactorWrong, match="wait"):
        second.check("bolat", phone.now())
    known = digest_of("a browser that its owner is known by")
    second.check("bolat", phone.code(), browser=known)


def test_the_first_codes_cannot_be_guessed_either(world: World) -> None:
    second = world.container.accounts.second
    phone = Phone(world, second.begin("bolat").secret)
    for n in range(5):
        with pytest.raises(SecondFactorWrong):
            second.confirm("bolat", f"{n:06}")
    with pytest.raises(SecondFactorWrong):
        second.confirm("bolat", phone.now())


def test_the_store_alone_gives_neither_secret_nor_codes(world: World) -> None:
    phone, codes = enrolled(world)
    held = b"".join(
        bytes(str(dict(row)), "utf8") + b"".join(it for it in dict(row).values() if isinstance(it, bytes))
        for table in ("totp", "recovery_codes", "decisions")
        for row in world.container.database.rows(f"SELECT * FROM {table}")
    )
    assert phone.totp.secret.encode() not in held and phone.totp.byte_secret() not in held
    assert not any(code.encode() in held for code in codes)
    (world.settings.keys_folder / "accounts.key").unlink()
    with pytest.raises(DataError, match="lost"):
        world.container.accounts.second.check("bolat", phone.code())
    assert not (world.settings.keys_folder / "accounts.key").exists(), "no new key beside old secrets"


def every_route(app: Any) -> list[tuple[str, str]]:
    """Method and path of every route of the product."""
    included = [it for it in app.routes if hasattr(it, "effective_route_contexts")]
    contexts = [it for router in included for it in router.effective_route_contexts()]
    return [(method, it.path) for it in contexts for method in sorted(it.methods or ())]


def test_half_a_sign_in_opens_no_route(world: World, client: TestClient) -> None:
    enrolled(world)
    password(client)
    step = client.cookies[STEP]
    client.cookies.clear()
    routes = every_route(client.app)
    assert len(routes) > 150
    for method, path in routes:
        if method == "HEAD" or path in OPEN or path.startswith(("/logo", "/static")):
            continue
        address = re.sub(r"\{[^}]*\}", "1", path)
        for headers in (
            {"Cookie": f"{COOKIE}={step}; {STEP}={step}", "X-CSRF-Token": step},
            {"Cookie": f"{STEP}={step}", "Authorization": f"Bearer {step}"},
        ):
            answer = client.request(
                method, address, headers=headers, data={"csrf": step} if method == "POST" else None,
                follow_redirects=False,
            )  # fmt: skip
            said = f"{method} {path} {answer.status_code}"
            assert answer.status_code in (303, 401), said
            assert answer.status_code == 401 or answer.headers["location"].startswith("/sign-in"), said


def test_a_step_waits_ten_minutes_and_ends_with_the_account(world: World, client: TestClient) -> None:
    phone, _ = enrolled(world)
    accounts = world.container.accounts
    late, disabled = accounts.enter("bolat", PASSWORD).step, ""
    world.clock.forward(minutes=11)
    with pytest.raises(SecondFactorWrong):
        accounts.finish(late, phone.code())
    disabled = accounts.enter("bolat", PASSWORD).step
    accounts.set_active("bolat", False, actor="root")
    with pytest.raises(SecondFactorWrong):
        accounts.finish(disabled, phone.code())
    accounts.set_active("bolat", True, actor="root")
    with pytest.raises(SecondFactorWrong):
        accounts.finish(disabled, phone.code())
    renewed = accounts.enter("bolat", PASSWORD).step
    accounts.set_password("bolat", "three blue horses", actor="root")
    with pytest.raises(SecondFactorWrong):
        accounts.finish(renewed, phone.code())


def test_one_step_leads_to_one_session(world: World) -> None:
    phone, codes = enrolled(world)
    step = world.container.accounts.enter("bolat", PASSWORD).step
    given = [phone.code(), codes[0], codes[1], codes[2]]

    def finish(code: str) -> bool:
        try:
            return world.container.accounts.finish(step, code).token is not None
        except SecondFactorWrong:
            return False

    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(finish, given)) == 1


def test_signing_in_never_leads_to_another_site(world: World, client: TestClient) -> None:
    phone, _ = enrolled(world)
    for to in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        assert "evil" not in password(client, to=to).headers["location"].replace("%5Cevil", "").replace("\\evil", "")
        form = {"second_factor": phone.code(), "to": to}
        location = client.post("/sign-in/second", data=form, follow_redirects=False).headers["location"]
        assert location.startswith("/") and not location.startswith(("//", "/\\")), location


def test_a_role_that_must_have_one_enrols_it_while_signing_in(tmp_path: Path) -> None:
    world = World(tmp_path / "data", require_second_factor=("compliance_officer",)).people()
    with TestClient(create_app(world.container), headers={"Accept-Language": "en"}) as client:
        assert password(client, "aigul").headers["location"] == "/account"
        client.cookies.clear()
        assert password(client).headers["location"].startswith("/sign-in/enrol")
        assert client.get("/account", follow_redirects=False).status_code == 303
        page = client.get("/sign-in/enrol").text
        phone = Phone(world, re.search(r'id="secret">([A-Z2-7]+)<', page)[1])  # type: ignore[index]
        again = client.post("/sign-in/enrol", data={"second_factor": "000000"})
        assert again.status_code == 401
        assert phone.totp.secret not in again.text, "whoever knows the password may have seen the one before"
        phone = Phone(world, re.search(r'id="secret">([A-Z2-7]+)<', again.text)[1])  # type: ignore[index]
        done = client.post("/sign-in/enrol", data={"second_factor": phone.code()}).text
        assert len(re.findall(r"<li><code>([A-Z2-9-]{19})</code>", done)) == 10
        assert client.get("/account").status_code == 200
        client.cookies.clear()
        assert password(client).headers["location"].startswith("/sign-in/second")
    world.container.close()


def test_an_approval_asks_for_the_code_in_place_and_loses_nothing(world: World, client: TestClient) -> None:
    notice = drafted(world)
    password(client)
    phone, _ = enrolled(world)
    act = f"/notices/{notice}/approve"
    form = {"csrf": csrf(client), "reason": 'typed "words" <b>', "version": "1"}
    asked = client.post(act, data=form)
    assert asked.status_code == 403
    assert f'action="{act}"' in asked.text and "typed &#34;words&#34; &lt;b&gt;" in asked.text
    wrong = client.post(act, data={**form, "second_factor": "000000"})
    assert wrong.status_code == 403 and "not right" in wrong.text and "typed &#34;words" in wrong.text
    assert world.container.decisions.load(_notice(), notice).approved_by is None
    before = client.cookies[COOKIE]
    done = client.post(act, data={**form, "version": "", "second_factor": phone.code()})
    assert "Approved" in done.text and client.cookies[COOKIE] != before
    assert world.container.decisions.load(_notice(), notice).approved_by == "bolat"
    assert world.container.accounts.session(before) is None, "the token of before is void"


def _notice() -> Any:
    from engine.notices.notice import Notice

    return Notice


def test_a_second_factor_shown_lately_stands_for_the_minutes_of_the_setting(world: World) -> None:
    phone, _ = enrolled(world)
    accounts = world.container.accounts
    token = accounts.finish(accounts.enter("bolat", PASSWORD).step, phone.code()).token
    for minutes, unproven in ((14, False), (2, True)):
        world.clock.forward(minutes=minutes)
        session = accounts.session(token)
        assert session is not None and session.person.unproven is unproven


def test_every_act_that_asks_for_it_asks_it_before_anything_is_loaded(world: World, client: TestClient) -> None:
    """Over the API too; who has no second factor is not asked."""
    enrolled(world)
    enrolled(world, "gulnar")
    asked = {name for name, it in COMMANDS.items() if it.step_up}
    assert {"approve-notice", "decide-outcome", "agree-to-cancel", "retire-rule", "approve-erasure"} <= asked
    accounts = world.container.accounts
    for user in ("bolat", "gulnar"):
        step = accounts.enter(user, PASSWORD).step
        with accounts.decisions.unit(world.clock.now()) as unit:  # a session that showed none
            token, _ = accounts._start(unit, user, address="", browser="", agent="", proven=False)
        assert step
        session = accounts.session(token)
        assert session is not None
        for name, permission in COMMANDS.items():
            if not session.person.may(*permission.roles) or not permission.step_up:
                continue
            fields = {"notice_id": "1", "reason": "x"}
            answer = client.post(
                f"/api/v1/commands/{name}", json=_filled(name, fields), headers={
                    "Cookie": f"{COOKIE}={token}", "X-CSRF-Token": session.csrf},
            )  # fmt: skip
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "decision.second-factor"), name


def _filled(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A body that a command takes, with something in every field that it needs."""
    from infra.commands.dispatch import KINDS

    schema = KINDS[name].model_json_schema()
    made: dict[str, Any] = {}
    for key in schema.get("required", ()):
        it = schema["properties"][key]
        given = {"boolean": True, "array": [], "object": {}, "integer": 1}.get(it.get("type", ""), "x")
        given = it["enum"][0] if "enum" in it else given
        given = "2026-11-01" if it.get("format") == "date" else given
        made[key] = "2026-11-01T10:00:00+05:00" if it.get("format") == "date-time" else given
    return made


def test_the_api_takes_the_code_in_a_header(world: World, client: TestClient) -> None:
    notice = drafted(world)
    password(client)
    phone, _ = enrolled(world)
    headers = {"X-CSRF-Token": csrf(client)}
    path = f"/api/v1/notices/{notice}/approve"
    assert client.post(path, headers=headers).json()["error"]["code"] == "decision.second-factor"
    bad = client.post(path, headers={**headers, "X-Second-Factor": "000000"})
    assert bad.json()["error"]["code"] == "decision.second-factor-wrong"
    forged = client.post(path, headers={"X-CSRF-Token": "forged", "X-Second-Factor": phone.code()})
    assert forged.status_code == 403 and not facts(world, SecondFactorUsed), "no code is used for a stranger's form"
    assert client.post(path, headers={**headers, "X-Second-Factor": phone.code()}).status_code == 200


def test_many_at_once_ask_before_the_first(world: World, client: TestClient) -> None:
    drafted(world)
    password(client)
    phone, _ = enrolled(world)
    key = world.incidents()[0]["id"]
    form = {"csrf": csrf(client), "id": [key, key], "act": "close", "disposition": "resolved", "reason": "all is done"}
    asked = client.post("/incidents/bulk", data=form)
    assert asked.status_code == 403 and asked.text.count(f'name="id" value="{key}"') == 2
    assert client.post("/incidents/bulk", data={**form, "second_factor": phone.code()}).status_code == 200


def test_an_administrator_takes_it_away_with_a_reason_and_its_owner_is_told(world: World, client: TestClient) -> None:
    world.container.accounts.add("root", "Root", ("admin",), PASSWORD, actor="test")
    phone, _ = enrolled(world)
    accounts = world.container.accounts
    open_session = accounts.finish(accounts.enter("bolat", PASSWORD).step, phone.code()).token
    password(client, "gulnar")
    form = {"user": "bolat", "reason": "telephone lost"}
    assert client.post("/sign-ins/reset-second-factor", data={**form, "csrf": csrf(client)}).status_code == 403
    client.cookies.clear()
    password(client, "root")
    assert "Take away" in client.get("/sign-ins").text
    refused = client.post("/sign-ins/reset-second-factor", data={"user": "root", "reason": "x", "csrf": csrf(client)})
    assert "another administrator" in refused.text
    assert "Done" in client.post("/sign-ins/reset-second-factor", data={**form, "csrf": csrf(client)}).text
    assert accounts.session(open_session) is None
    found = facts(world, SecondFactorRemoved)
    assert [(it.actor, it.by_owner, it.reason) for it in found] == [("root", False, "telephone lost")]
    client.cookies.clear()
    password(client)
    assert "root took your second factor away" in client.get("/account").text
    assert "took your second factor away" not in client.get("/account").text


def test_its_owner_removes_it_only_by_showing_it(world: World, client: TestClient) -> None:
    password(client)
    phone, _ = enrolled(world)
    form = {"csrf": csrf(client)}
    for path in ("remove", "codes"):
        assert client.post(f"/account/second-factor/{path}", data=form).status_code == 403
    assert world.container.accounts.second.held("bolat")
    codes = client.post("/account/second-factor/codes", data={**form, "second_factor": phone.code()})
    assert len(re.findall(r"<li><code>([A-Z2-9-]{19})</code>", codes.text)) == 10
    assert "is removed" in client.post("/account/second-factor/remove", data=form).text
    assert not world.container.accounts.second.held("bolat")
    with pytest.raises(DecisionRefused):
        world.container.accounts.second.confirm("bolat", phone.code())


def test_the_command_line_asks_for_the_code_too(world: World) -> None:
    notice = drafted(world)
    _, codes = enrolled(world)
    act = ("notices", "receipt", notice, "reference-1", "2026-11-23", "--as", "bolat")
    bare = qorgau(*act, data=world.folder, stdin=f"{PASSWORD}\n".encode())
    assert bare.returncode == 2 and b"code" in bare.stderr
    right = qorgau(*act, data=world.folder, stdin=f"{PASSWORD}\n{codes[0]}\n".encode())
    assert b"this code is not right" not in right.stderr and world.container.accounts.second.codes_left("bolat") == 9
    told = qorgau("users", "reset-second-factor", "bolat", "--reason", "lost", data=world.folder)
    assert told.returncode == 0 and not world.container.accounts.second.held("bolat")
    assert COMPLIANCE.id == "bolat"
