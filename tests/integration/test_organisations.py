"""Several organisations in one installation: own parameters, calendars, wording; and nothing shared."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from engine.kernel.errors import DataError
from infra.app.container import open_container
from infra.settings.settings import Settings, load_settings
from infra.web.app import create_app
from infra.web.organisations import ByHost
from tests.support import COMPLIANCE, PASSWORD, MovingClock, World

TOML = """
data = "{data}"
reading = "strict"
[organisations.alpha]
organisation_ru = "МФО Альфа"
hosts = ["alpha.mfo.kz"]
regulator_mail = "a@regulator.kz"
[organisations.beta]
organisation_ru = "МФО Бета"
reading = "civil"
opens = "10:00"
clock_terms = {{ remediation = 1 }}
"""


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    path = tmp_path / "qorgau.toml"
    path.write_text(TOML.format(data=tmp_path / "var"), encoding="utf8")
    monkeypatch.setenv("QORGAU_TOML", str(path))
    return load_settings()


def test_each_organisation_has_its_own_settings_and_directory(installation: Settings) -> None:
    alpha, beta = installation.of_organisation("alpha"), installation.of_organisation("beta")
    assert (alpha.data.name, beta.data.name) == ("alpha", "beta")
    assert (alpha.reading, beta.reading) == ("strict", "civil")
    assert (alpha.clock_policy.specs["remediation"].n, beta.clock_policy.specs["remediation"].n) == (2, 1)
    assert alpha.sender.name_ru == "МФО Альфа"
    with pytest.raises(DataError, match="known: alpha, beta"):
        installation.of_organisation("gamma")


def test_the_command_line_asks_which_one_is_meant(
    installation: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from infra.cli import main

    monkeypatch.setattr(sys, "argv", ["qorgau", "clock", "due", "regulator-notice", "2026-11-23T09:00:00+05:00"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "alpha, beta" in capsys.readouterr().err
    monkeypatch.setenv("QORGAU_ORGANISATION", "beta")
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert capsys.readouterr().out.strip() == "2026-11-23T18:00:00+05:00"


@pytest.mark.parametrize(
    ("own", "words"),
    [({"no_such": 1}, "organisations.x.no_such"), ({"clock_terms": {"remediation": 9}}, "weaker"),
     ({"regulator_mail": "nobody"}, "organisations.x.regulator_mail")],
)  # fmt: skip
def test_a_wrong_value_names_the_organisation(tmp_path: Path, own: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Settings(data=tmp_path, organisations={"x": own}).of_organisation("x")


def test_two_organisations_cannot_share_a_database(tmp_path: Path) -> None:
    shared = Settings(data=tmp_path, database="postgresql://x/y", organisations={"x": {}})
    with pytest.raises(DataError, match="database of its own"):
        shared.of_organisation("x")


def test_what_one_knows_the_other_does_not(installation: Settings) -> None:
    clock = MovingClock()
    houses = {slug: open_container(installation.of_organisation(slug), clock) for slug in ("alpha", "beta")}
    for container in houses.values():
        container.accounts.add(COMPLIANCE.id, COMPLIANCE.name, tuple(COMPLIANCE.roles), PASSWORD, actor="test")
    apps = ByHost({"alpha.mfo.kz": create_app(houses["alpha"]), "beta.localhost": create_app(houses["beta"])})
    token = houses["alpha"].accounts.new_source("portal")
    event = {"event.id": "1", "event.action": "portal.profile.change_applied", "@timestamp": "2026-11-23T05:00:00Z",
             "mfo.client.id": "c-1", "mfo.change.field": "iin"}  # fmt: skip
    alpha, beta = (TestClient(apps, base_url=f"http://{host}") for host in ("alpha.mfo.kz", "beta.localhost:8080"))
    headers = {"Authorization": f"Bearer {token}"}
    for container in houses.values():
        container.intake.start()
    assert alpha.post("/api/v1/events", json=event, headers=headers).status_code == 200
    assert beta.post("/api/v1/events", json=event, headers=headers).status_code == 401, "the token is alpha's"
    assert houses["alpha"].ledger.head() == 1
    assert houses["beta"].ledger.head() == 0
    session = houses["alpha"].accounts.sign_in(COMPLIANCE.id, PASSWORD)
    assert alpha.get("/", cookies={"qorgau_session": session}).status_code == 200
    assert beta.get("/api/v1/me", cookies={"qorgau_session": session}).status_code == 401
    stranger = TestClient(apps, base_url="http://gamma.mfo.kz")
    assert stranger.get("/health").status_code == 404
    assert houses["alpha"].store.signer.verifier.public != houses["beta"].store.signer.verifier.public
    for container in houses.values():
        container.intake.stop()
        container.close()


def test_each_counts_by_its_own_parameters(installation: Settings) -> None:
    worlds = {}
    for slug in ("alpha", "beta"):
        own = installation.of_organisation(slug)
        world = World(own.data, **own.model_dump(exclude={"data", "organisations"}, exclude_unset=True)).people()
        world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
        worlds[slug] = world.clocks(world.incidents()[0]["id"])
        world.container.close()
    assert worlds["alpha"]["remediation"]["due_at"].startswith("2026-11-25T05:00")
    assert worlds["beta"]["remediation"]["due_at"].startswith("2026-11-23T13:00")
    assert worlds["beta"]["regulator-notice"]["reading"] == "civil"


ONE = {"elasticsearch": "http://es:9200", "kafka": "k:9092"}


def test_each_organisation_has_its_own_index_and_topics(tmp_path: Path) -> None:
    both = Settings(data=tmp_path, **ONE, kafka_prefix="mfo", organisations={"a": {}, "b": {"kafka": "other:9092"}})
    a, b = both.of_organisation("a"), both.of_organisation("b")
    assert (a.elasticsearch_prefix, b.elasticsearch_prefix) == ("qorgau-a", "qorgau-b")
    assert (a.kafka_prefix, b.kafka_prefix) == ("mfo.a", "mfo")
    alone = Settings(data=tmp_path, **ONE, organisations={"a": {}}).of_organisation("a")
    assert (alone.elasticsearch_prefix, alone.kafka_prefix) == ("qorgau", "qorgau.events")


@pytest.mark.parametrize(
    ("a", "b", "setting"),
    [
        ({"hosts": ["same.mfo.kz"]}, {"hosts": ["x.kz", "SAME.mfo.kz."]}, "hosts"),
        ({"hosts": ["b.localhost"]}, {}, "hosts"),
        ({"elasticsearch_prefix": "q"}, {"elasticsearch_prefix": "q"}, "elasticsearch_prefix"),
        ({"elasticsearch": "http://es:9200"}, {"elasticsearch": "http://x, http://ES:9200/"}, "elasticsearch_prefix"),
        ({"kafka_prefix": "q"}, {"kafka_prefix": "q"}, "kafka_prefix"),
        ({"database": "postgresql://a@pg/x"}, {"database": "postgresql://b@PG:5432/x?sslmode=require"}, "database"),
        ({"data": "/srv/x"}, {"data": "/srv/x"}, "data"),
    ],
)  # fmt: skip
def test_organisations_that_share_what_one_would_read_of_the_other_do_not_start(
    tmp_path: Path, a: dict[str, object], b: dict[str, object], setting: str
) -> None:
    both = Settings(data=tmp_path, **ONE, organisations={"a": a, "b": b})
    for slug in ("a", "b"):
        with pytest.raises(DataError, match=rf"organisations.b.{setting}.*'a' and 'b' share"):
            both.of_organisation(slug)
