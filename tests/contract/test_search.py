"""One query language, the same answers from FTS5, PostgreSQL, Elasticsearch and a plain reading of the documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.events.catalogue import builtin_catalogue
from engine.events.envelope import SecurityEvent
from engine.search.instants import micros
from engine.search.question import And, BadQuestion, Between, Node, Not, Or, Phrase, read
from infra.search.documents import of_events, vocabulary_of
from infra.search.elastic import ElasticIndex
from infra.search.port import Document, SearchIndex, SearchUnavailable
from infra.search.sql import sql_index
from tests.servers import node
from tests.stores import Stores

ZONE = ZoneInfo("Asia/Almaty")
SERVICE = pytest.mark.services
KINDS = ["sqlite", pytest.param("postgres", marks=SERVICE), pytest.param("elasticsearch", marks=SERVICE)]
START = datetime(2026, 11, 1, tzinfo=UTC)
ACTIONS = ("portal.sign_in.failed", "portal.sign_in.succeeded", "loan.paid_out", "backup.job")
CLIENTS = ("c-1", "c-17", "c-170", "Ж-9", "straße", "n'x\\y", "zebra_zz")
VOCABULARY = vocabulary_of("events", builtin_catalogue())
_numbers = count()


def corpus(size: int = 240) -> list[SecurityEvent]:
    rng = Random(7)
    found = []
    for position in range(1, size + 1):
        fields: dict[str, Any] = {"mfo.client.id": rng.choice(CLIENTS)}
        if rng.random() < 0.5:
            fields["source.ip"] = f"203.0.113.{rng.choice((7, 8, 70, 77))}"
        if rng.random() < 0.4:
            fields["mfo.loan.amount"] = rng.choice((-5, 0, 0.5, 999, 1000, 1000.5, 250_000, 10**12))
        if rng.random() < 0.3:
            fields["mfo.loan.ids"] = rng.sample(("l-1", "l-2", "l-20"), 2)
        if rng.random() < 0.3:
            fields["device.id"] = rng.choice(("srv 01", "srv-01 west", "west", "01 srv"))
        at = START + timedelta(minutes=37 * position, microseconds=position)
        found.append(
            SecurityEvent(
                position=position, event_id=f"e-{position}", source="portal", action=rng.choice(ACTIONS), at=at,
                received_at=at, fields=fields, raw=b"{}", flags=(),
            )
        )  # fmt: skip
    return found


EVENTS = corpus()
DOCUMENTS = of_events(EVENTS, builtin_catalogue(), ZONE)


def answers(document: Document, question: Node) -> bool:
    """The oracle: read the document's words in order."""
    match question:
        case Phrase(words, open_):
            held = document.words.split()
            for start in range(len(held) - len(words) + 1):
                *firsts, last = held[start : start + len(words)]
                if tuple(firsts) == words[:-1] and (last.startswith(words[-1]) if open_ else last == words[-1]):
                    return True
            return False
        case Between(low, high):
            return low <= document.at <= high
        case And(parts):
            return all(answers(document, it) for it in parts)
        case Or(parts):
            return any(answers(document, it) for it in parts)
        case Not(part):
            return not answers(document, part)


def expected(text: str, below: int | None = None) -> list[int]:
    question = read(text, VOCABULARY, ZONE)
    return [
        it.key for it in reversed(DOCUMENTS) if answers(it, question) and (below is None or it.key < below)
    ]  # fmt: skip


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchIndex]:
    kind = request.param
    stores = Stores("sqlite" if kind == "elasticsearch" else kind, tmp_path)
    database = stores.database()
    made: SearchIndex
    if kind == "elasticsearch":
        prefix = f"t{os.getpid()}-{next(_numbers)}"
        made = ElasticIndex(database, Elasticsearch(node().url), prefix, "ours", pause=lambda seconds: None)
    else:
        made = sql_index(database)
    made.prepare()
    yield made
    if isinstance(made, ElasticIndex):
        for name in ("events", "incidents", "notices"):
            made.clear(name)
    made.close()
    stores.close()


def filled(index: SearchIndex) -> SearchIndex:
    index.put("events", DOCUMENTS[:100], 0, 100)
    index.put("events", DOCUMENTS[100:], 100, len(DOCUMENTS))
    index.refresh()
    return index


def asked(index: SearchIndex, text: str, limit: int = 1000, below: int | None = None) -> list[int]:
    question = read(text, VOCABULARY, ZONE)
    return [row["position"] for row in index.find("events", question, limit, below)]


QUESTIONS = (
    "", "*", "portal", "portal failed", "portal OR backup", "portal -failed", "-portal", "NOT (portal OR backup)",
    "sign_in", "action:portal.sign_in.*", "action:portal.*", "action:sign", "client:c-17", "client:c-17*", "client:c-*",
    "client:(c-1 OR Ж-9)", "ж-9", "STRASSE", "straße", '"n\'x\\\\y"', "n'x\\\\y", "zebra_zz", "zebra*", "client:ze*",
    "source.ip:203.0.113.7", "source.ip:203.0.113.7*", "ip:203.0.*", '"srv 01"', '"01 srv"', "srv-01", '"01 west"',
    '"west 203"', "device:west", "_exists_:device.id", "-_exists_:device.id portal", "device:*", "source:portal",
    "mfo.loan.amount:1000", "mfo.loan.amount:>=1000", "mfo.loan.amount:>1000", "mfo.loan.amount:<0",
    "mfo.loan.amount:[0 TO 1000]", "mfo.loan.amount:{0 TO 1000}", "mfo.loan.amount:[* TO *]", "mfo.loan.amount:-5",
    "mfo.loan.amount:[1000.25 TO 1000000000000]", "mfo.loan.amount:[5 TO 1]", "mfo.loan.ids:l-2",
    "loan_paid OR paid_out", "@timestamp:2026-11-02", "@timestamp:>=2026-11-04", "@timestamp:<2026-11-03",
    "@timestamp:[2026-11-02 TO 2026-11-03]",
    '@timestamp:["2026-11-02T00:00:00Z" TO *]', "@timestamp:{2026-11-02 TO *} AND NOT client:c-1",
    "(portal AND @timestamp:2026-11-02) OR (backup AND -client:c-17)", "nothing", "nothing*", "+portal +failed",
    "203.0.113.*", "203.0.*", "a 203.0.113.7*", '"2026 11"', "action:sign_in.fail*", "portal.sign_in.*",
    "client:c-1 AND (NOT portal OR NOT @timestamp:2026-11-02)", "l-1 l-20", '"l-1 l-20"',
)  # fmt: skip


def test_every_engine_answers_as_the_words_say(index: SearchIndex) -> None:
    filled(index)
    hits = 0
    for text in QUESTIONS:
        wanted = expected(text)
        hits += len(wanted)
        assert asked(index, text) == wanted, text
    assert hits > 3000


WORDS = st.sampled_from(
    ("portal", "sign_in", "failed", "backup", "c-1", "c-17*", "Ж-9", "203.0.113.7*", "srv", '"srv 01"', "z*", "l-2",
     "client:c-17", "client:c-*", "ip:203.0.113.70", "device:(srv OR west)", "_exists_:mfo.loan.amount", "paid*",
     "mfo.loan.amount:>=0.5", "mfo.loan.amount:[-10 TO 999]", "@timestamp:2026-11-03", "@timestamp:>2026-11-04", "*")
)  # fmt: skip
TEXTS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        inner.map(lambda it: f"NOT ({it})"),
        st.tuples(inner, st.sampled_from((" AND ", " OR ", " ")), inner).map(lambda it: f"({it[0]}){it[1]}({it[2]})"),
        st.tuples(inner, inner).map(lambda it: f"({it[0]}) AND NOT ({it[1]})"),
    ),
    max_leaves=6,
)


def test_made_up_questions_too(index: SearchIndex) -> None:
    filled(index)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(TEXTS)
    def check(text: str) -> None:
        assert asked(index, text) == expected(text)

    check()


def test_numbers_are_found_by_every_range(index: SearchIndex) -> None:
    values = [-1e300, -2.5, -0.0, 0.0, 1e-300, 1.0, 1.5, 2.0, 3.0, 255.0, 256.0, 4096.5, 1e15, 1e300]
    events = [EVENTS[0]._replace(position=at, fields={"mfo.loan.amount": value}) for at, value in enumerate(values, 1)]
    index.put("events", of_events(events, builtin_catalogue(), ZONE), 0, len(values))
    index.refresh()

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(*[st.sampled_from(values) | st.floats(-1e6, 1e6, allow_nan=False)] * 2)
    def check(one: float, other: float) -> None:
        low, high = sorted((one, other))
        wanted = [at for at, value in enumerate(values, 1) if low <= value <= high]
        found = asked(index, f"mfo.loan.amount:[{_plain(low)} TO {_plain(high)}]")
        assert found == wanted[::-1]

    check()


def _plain(value: float) -> str:
    return f'"{value!r}"'


def test_pages_follow_one_another(index: SearchIndex) -> None:
    filled(index)
    seen: list[int] = []
    below = None
    while page := asked(index, "portal", 7, below):
        seen += page
        below = page[-1]
    assert seen == expected("portal")


def test_what_comes_again_is_there_once_and_older_states_do_not_win(index: SearchIndex) -> None:
    filled(index)
    index.put("events", DOCUMENTS, 0, len(DOCUMENTS))  # a mark that stands elsewhere is left alone
    assert index.marks.get("events") == len(DOCUMENTS)
    with index.database.write() as cursor:
        index.marks.back(cursor, "events")
    index.prepare()
    index.put("events", DOCUMENTS[:150], 0, 150)
    index.refresh()
    assert index.count("events") == len(DOCUMENTS)
    assert asked(index, "portal") == expected("portal")
    vocabulary = vocabulary_of("incidents", builtin_catalogue())

    def state(version: int, text: str) -> Document:
        return Document(3, version, micros(START), text, {"key": 3, "state": text}, {})

    index.put("incidents", [state(5, "wold"), state(9, "wnew")], 0, 9)
    index.refresh()
    assert index.find("incidents", read("new", vocabulary), 5) == [{"key": 3, "state": "wnew"}]
    assert index.find("incidents", read("old", vocabulary), 5) == []
    assert index.count("incidents") == 1


def test_an_emptied_index_is_filled_anew(index: SearchIndex) -> None:
    filled(index)
    index.clear("events")
    index.refresh()
    assert (index.count("events"), index.marks.get("events")) == (0, 0)
    filled(index)
    assert asked(index, "portal failed") == expected("portal failed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a AND", "cannot be read"), ('"', "cannot be read"), ("(" * 50, "cannot be read"), ("x" * 1001, "1000"),
        ("nobody:1", "nobody"), ("mfo.client.iin:850101300005", "personal"), ("c*t", "'*' stands"),
        ("c?t", "'*' stands"), ("foo~", "alike"), ("a^2", "weight"), ("/re/", "regular"), ('"a b"~2', "near"),
        ("client:[a TO b]", "times or numbers"), ("[a TO b]", "times or numbers"),
        ("mfo.loan.amount:much", "not a number"), ("mfo.loan.amount:nan", "not a number"),
        ("@timestamp:soon", "neither a day"), ("@timestamp:[soon TO *]", "neither a day"), ("...", "no letter"),
        ("client:(a:b)", "field"), ("@timestamp:9999-12-31", "neither a day"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(text: str, said: str) -> None:
    with pytest.raises(BadQuestion, match="(?s)" + said.replace("*", r"\*")):
        read(text, VOCABULARY, ZONE)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='ab:*?()[]{}"\\/+-~^&|!<>= ANDORTO', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text, VOCABULARY, ZONE)
    except BadQuestion as error:
        assert error.message


@SERVICE
def test_a_vanished_index_and_a_full_cluster(tmp_path: Path) -> None:
    stores = Stores("sqlite", tmp_path)
    client = Elasticsearch(node().url)
    index = ElasticIndex(
        stores.database(), client, f"t{os.getpid()}-{next(_numbers)}", "ours", pause=lambda seconds: None
    )
    index.prepare()
    filled(index)
    before = index.client.indices.get(index=index.name("events"))
    for name in before:
        index.client.indices.delete(index=name)
    with pytest.raises(SearchUnavailable):
        index.put("events", DOCUMENTS[:1], len(DOCUMENTS), len(DOCUMENTS) + 1)
    assert index.marks.get("events") == len(DOCUMENTS)
    index.prepare()
    assert index.marks.get("events") == 0
    filled(index)
    assert asked(index, "portal") == expected("portal")
    index.client.indices.rollover(alias=index.name("events"))
    index.prepare()
    with index.database.write() as cursor:
        index.marks.back(cursor, "events")
    index.put("events", DOCUMENTS, 0, len(DOCUMENTS))
    index.refresh()
    assert index.count("events") == len(DOCUMENTS), "a roll-over made room for the same ids"
    index.clear("events")
    stores.close()


def _broken(many: int) -> Callable[..., Any]:
    """A cluster that says 429 for single documents, inside an answer of 200."""
    left = [many]

    def bulk(*, operations: list[bytes], **_: Any) -> dict[str, Any]:
        items = [{"create": {"status": 201}} for _ in operations[::2]]
        if left[0]:
            left[0] -= 1
            items[::2] = [{"create": {"status": 429}} for _ in items[::2]]
        return {"errors": bool(left[0]), "items": items}

    return bulk


@SERVICE
def test_an_answer_of_200_alone_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Stores("sqlite", tmp_path)
    waited: list[float] = []
    client = Elasticsearch(node().url)
    index = ElasticIndex(stores.database(), client, f"t{os.getpid()}-{next(_numbers)}", "ours", pause=waited.append)
    index.prepare()
    monkeypatch.setattr(client, "bulk", _broken(3))
    index.put("events", DOCUMENTS[:50], 0, 50)
    assert (len(waited), index.marks.get("events")) == (3, 50)
    monkeypatch.setattr(client, "bulk", _broken(99))
    with pytest.raises(SearchUnavailable, match="busy"):
        index.put("events", DOCUMENTS[50:60], 50, 60)
    assert index.marks.get("events") == 50
    monkeypatch.undo()
    index.clear("events")
    away = ElasticIndex(stores.database(), Elasticsearch("http://127.0.0.1:1"), "t-away", "ours")
    with pytest.raises(SearchUnavailable, match="cannot be reached"):
        away.prepare()
    stores.close()


def test_the_templates_are_those_of_the_catalogue() -> None:
    from infra.search.mappings import lifecycle, shipped, template
    from infra.search.port import INDEXES

    for name in INDEXES:
        assert shipped(name) == template(name, builtin_catalogue()), "run python -m infra.search.mappings"
    personal = {name for name, it in builtin_catalogue().fields.items() if it.personal}
    assert not personal & shipped("events")["mappings"]["properties"].keys()
    assert "delete" not in lifecycle()["policy"]["phases"]


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Callable[[str], ElasticIndex]]:
    """Makes indexes of houses that were given one prefix by mistake."""
    prefix, made = f"t{os.getpid()}-{next(_numbers)}", []

    def make(log_id: str) -> ElasticIndex:
        stores = Stores("sqlite", tmp_path / f"{len(made)}")
        (tmp_path / f"{len(made)}").mkdir()
        made.append((stores, ElasticIndex(stores.database(), Elasticsearch(node().url), prefix, log_id)))
        return made[-1][1]

    yield make
    for stores, index in made:
        for name in ("events", "incidents", "notices"):
            index._drop(name)
        index.close()
        stores.close()


@SERVICE
def test_an_index_of_another_log_is_neither_read_nor_filled(houses: Callable[[str], ElasticIndex]) -> None:
    alpha, beta = houses("alpha"), houses("beta")
    alpha.prepare()
    filled(alpha)
    for refused in (
        beta.prepare, lambda: beta.count("events"), lambda: asked(beta, "portal"), beta.refresh,
    ):  # fmt: skip
        with pytest.raises(SearchUnavailable, match="belongs to another log"):
            refused()
    for name in ("events", "incidents", "notices"):
        beta.clear(name)
    beta.refresh()
    assert beta.count("events") == 0
    filled(beta)
    assert asked(beta, "portal") == expected("portal")
    with pytest.raises(SearchUnavailable, match="belongs to another log"):
        alpha.prepare()


@SERVICE
def test_what_stands_in_the_way_of_an_index_is_refused_and_replaced(houses: Callable[[str], ElasticIndex]) -> None:
    index = houses("ours")
    name, wrong = index.name("events"), {"properties": {"qorgau.key": {"type": "boolean"}}}
    index.client.indices.create(index=f"{name}-000001", mappings=wrong)
    with pytest.raises(SearchUnavailable, match="there is no"):
        index.count("events")
    index.prepare()
    assert asked(filled(index), "portal") == expected("portal"), "the next number was taken"
    index._drop("events")
    index.client.indices.create(index=name, mappings=wrong)
    with pytest.raises(SearchUnavailable, match="is no index of ours"):
        index.prepare()
    index.clear("events")
    assert asked(filled(index), "portal") == expected("portal")


@SERVICE
def test_an_index_of_a_version_that_kept_no_id_is_made_anew(houses: Callable[[str], ElasticIndex]) -> None:
    older, index = houses(""), houses("ours")
    older.prepare()
    filled(older)
    index.prepare()
    index.refresh()
    assert (index.count("events"), index.marks.get("events")) == (0, 0)
