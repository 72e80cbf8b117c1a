"""The index in Elasticsearch 8 or 9: a data stream of events under a lifecycle, an index of incidents, one of notices.

A node without data streams gets an alias that is rolled over instead. Marks stay in our store: what was put and not
marked is put again. An event is created under its position, once; of incidents and notices the newer version wins.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError

from engine.search.question import BadQuestion, Node
from infra.search.dsl import query_of, runs_of
from infra.search.mappings import lifecycle, shipped
from infra.search.port import ANSWER_S, INDEXES, Document, SearchIndex, SearchUnavailable, too_long
from infra.store.sql.database import Database

log = logging.getLogger("qorgau.search")
CHUNK_BYTES = 5_000_000
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
PUTS_PER_ROLLOVER = 500
ROLLOVER = {"max_age": "30d", "max_docs": 50_000_000}
OWN_S = 30.0
BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of action and a document of a bulk; ``bare`` is the document without fields a mapping might refuse."""

    action: bytes
    body: bytes
    bare: bytes


class ElasticIndex(SearchIndex):
    """Speaks to one cluster; ``prefix-events`` and so on are the names there."""

    keeps_fields = True

    def __init__(
        self, database: Database, client: Elasticsearch, prefix: str, log_id: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        super().__init__(database)
        self.client = client
        self.prefix = prefix
        self.log_id = log_id
        self.pause = pause
        self._streams: bool | None = None
        self._unsure = True
        """Whether events after the mark may be there already: after a start, and after a fault."""
        self._puts = 0
        self._own: dict[str, float] = {}
        """When an index was last seen to be ours (seconds of a clock that only counts)."""

    def name(self, index: str) -> str:
        """Return the name of an index in the cluster."""
        return f"{self.prefix}-{index}"

    @property
    def has_streams(self) -> bool:
        """Say whether the cluster knows data streams; a node without that module answers that it has no such way."""
        if self._streams is None:
            try:
                self.client.indices.get_data_stream(name=self.name("none"))
                self._streams = True
            except ApiError as error:
                if error.status_code not in (400, 404, 405):
                    raise
                self._streams = "no handler found" not in str(error.body) and error.status_code == 404
        return self._streams

    def prepare(self) -> None:
        """Make templates and indexes that are missing, and bring mappings to this version."""
        self._unsure = True
        with reached():
            for index in INDEXES:
                self._bring(index)
            self._roll_over()

    def _bring(self, index: str) -> None:
        if self.client.indices.exists(index=self.name(index)) and self._is_known(index):
            # A data stream's name leads to all that is behind it, an alias' name too.
            mappings = self._body(index)["mappings"]
            told = {name: mappings[name] for name in ("subobjects", "properties", "_meta")}
            self.client.indices.put_mapping(index=self.name(index), body=told)
            return
        if self.marks.get(index):
            log.warning("the index of %s is gone; it is filled again", index)
        with self.database.unlocked_write() as cursor:
            self.marks.back(cursor, index)
        self._create(index)

    def _is_known(self, index: str) -> bool:
        """Say whether what has our name is our index; one of a version that kept no log's id is dropped. Raise
        SearchUnavailable for one of another log, and for what no house made."""
        owners = self._owners(index)
        if owners == {self.log_id}:
            return True
        if owners == {""}:
            log.warning("the index of %s does not say whose it is; it is made anew", index)
            self._drop(index)
            return False
        raise self._refused(index, owners)

    def _owners(self, index: str) -> set[str | None]:
        """Return the ids of the logs of all that stands behind the name: "" where an older version kept none, None
        where no house made it."""
        found: set[str | None] = set()
        for it in self.client.indices.get_mapping(index=self.name(index)).values():
            meta = it["mappings"].get("_meta", {})
            found.add(meta.get("log", "") if meta.get("managed_by") == "qorgau" else None)
        return found

    def _refused(self, index: str, owners: set[str | None]) -> SearchUnavailable:
        whose = "is no index of ours" if None in owners else "belongs to another log"
        return SearchUnavailable(
            f"{self.name(index)} {whose}; give this house its own QORGAU_ELASTICSEARCH_PREFIX, or 'qorgau search "
            "rebuild' replaces it"
        )

    def _sure(self, index: str) -> None:
        """Refuse to read what is not ours; looked at again every half a minute."""
        now = time.monotonic()
        if now - self._own.get(index, -OWN_S) < OWN_S:
            return
        if not self.client.indices.exists(index=self.name(index)):
            raise SearchUnavailable(f"there is no {self.name(index)}; a worker makes it, or 'qorgau search rebuild'")
        owners = self._owners(index)
        if not owners <= {self.log_id, ""}:
            raise self._refused(index, owners)
        self._own[index] = now

    def _body(self, index: str) -> dict[str, Any]:
        """Return settings and mapping of an index, with the id of our log."""
        body = shipped(index)
        body["mappings"]["_meta"]["log"] = self.log_id
        return body

    def _create(self, index: str) -> None:
        name, body = self.name(index), self._body(index)
        if index != "events":
            self.client.indices.create(index=name, **body)
        elif self.has_streams:
            self._lifecycle(name, body)
            self.client.indices.put_index_template(
                name=name, index_patterns=[name], data_stream={}, priority=500, template=body
            )
            self.client.indices.create_data_stream(name=name)
        else:
            self.client.indices.put_index_template(
                name=name, index_patterns=[f"{name}-0*"], priority=500, template=body
            )
            taken = [int(it.rpartition("-")[2]) for it in self._numbered(name)]
            self.client.indices.create(
                index=f"{name}-{max(taken, default=0) + 1:06}", aliases={name: {"is_write_index": True}}
            )

    def _numbered(self, name: str) -> list[str]:
        """Return the indexes that an alias is rolled over through, those that lost it too."""
        found = self.client.indices.get(index=f"{name}-0*", allow_no_indices=True, ignore_unavailable=True)
        return [it for it in found if it.rpartition("-")[2].isdigit()]

    def _lifecycle(self, name: str, body: dict[str, Any]) -> None:
        try:
            self.client.ilm.put_lifecycle(name=name, policy=lifecycle()["policy"])
        except ApiError as error:
            if error.status_code not in (400, 405):
                raise
            log.warning("this cluster has no index lifecycle management; the data stream will not roll over by itself")
            return
        body["settings"]["index"]["lifecycle"] = {"name": name}

    def _roll_over(self) -> None:
        if not self.has_streams:
            self.client.indices.rollover(alias=self.name("events"), conditions=dict(ROLLOVER))

    def put(self, index: str, documents: Sequence[Document], before: int, after: int) -> None:
        """Send in bulk, wait while the cluster is busy, and move the mark when every document is there."""
        with reached():
            if index == "events":
                documents = self._new(documents) if self._unsure else documents
                self._puts += 1
                if self._puts % PUTS_PER_ROLLOVER == 0:
                    self._roll_over()
            for chunk in _chunks(self._operation(index, document) for document in documents):
                self._send(index, chunk)
        if index == "events":
            self._unsure = False
        with self.database.unlocked_write() as cursor:
            self.marks.move(cursor, index, before, after)

    def _new(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Leave out events that are there: after a roll-over the same id could be created a second time."""
        name = self.name("events")
        self.client.indices.refresh(index=name)
        keys = [it.key for it in documents]
        found = self.client.search(
            index=name, query={"terms": {"qorgau.key": keys}}, size=max(len(keys), 1), source=False,
            docvalue_fields=[{"field": "qorgau.key"}],
        )  # fmt: skip
        there = {hit["fields"]["qorgau.key"][0] for hit in found["hits"]["hits"]}
        return [it for it in documents if it.key not in there]

    def _operation(self, index: str, it: Document) -> Operation:
        own = {
            "@timestamp": it.at // 1000, "qorgau.key": it.key, "qorgau.version": it.version, "qorgau.at": it.at,
            "qorgau.words": it.words, "qorgau.runs": runs_of(it.words),
            "qorgau.shown": orjson.dumps(it.shown).decode(),
        }  # fmt: skip
        action: dict[str, Any] = {"create": {"_id": str(it.key)}}
        if index != "events":
            action = {"index": {"_id": str(it.key), "version": it.version, "version_type": "external_gte"}}
        return Operation(orjson.dumps(action), orjson.dumps({**it.fields, **own}), orjson.dumps(own))

    def _send(self, index: str, chunk: Sequence[Operation]) -> None:
        pauses = iter(PAUSES_S)
        while chunk:
            busy, refused = self._bulk(index, chunk)
            if any(it.body == it.bare for it in refused):
                raise SearchUnavailable(f"the index of {index} refuses documents")
            if refused:
                log.warning("%s of %s do not fit the mapping; only their words are indexed", len(refused), index)
            chunk = [*busy, *(replace(it, body=it.bare) for it in refused)]
            if busy:
                pause_s = next(pauses, None)
                if pause_s is None:
                    raise SearchUnavailable("the cluster is too busy to index")
                self.pause(pause_s)

    def _bulk(self, index: str, chunk: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
        """Send once; return those to send again and those that do not fit. An answer of 200 alone says nothing."""
        lines: Any = [line for it in chunk for line in (it.action, it.body)]
        alias = True if index == "events" and not self.has_streams else None
        try:
            answer = self.client.bulk(operations=lines, index=self.name(index), require_alias=alias)
        except ApiError as error:
            if error.status_code in BUSY:
                return list(chunk), []
            raise
        busy, refused = [], []
        for it, item in zip(chunk, answer["items"], strict=True):
            result = next(iter(item.values()))
            status = result["status"]
            if status < 300 or status == 409:  # 409: it is there already, or something newer is
                continue
            if status in BUSY:
                busy.append(it)
            elif status == 400:
                refused.append(it)
            else:
                raise SearchUnavailable(f"the index of {index} answered {status} ({result['error']['type']})")
        return busy, refused

    def find(self, index: str, question: Node, limit: int, below: int | None = None) -> list[dict[str, Any]]:
        """Ask the cluster."""
        conditions = [query_of(question)]
        if below is not None:
            conditions.append({"range": {"qorgau.key": {"lt": below}}})
        with reached(asking=True):
            self._sure(index)
            found = self.client.search(
                index=self.name(index), query={"bool": {"filter": conditions}}, size=limit,
                sort=[{"qorgau.key": "desc"}], source_includes=["qorgau.shown"], track_total_hits=False,
                timeout=f"{int(ANSWER_S)}s",
            )  # fmt: skip
        if found.get("timed_out"):  # a part of the answer would pass for all of it
            raise too_long()
        return [orjson.loads(hit["_source"]["qorgau.shown"]) for hit in found["hits"]["hits"]]

    def count(self, index: str) -> int:
        """Count the documents."""
        with reached():
            self._sure(index)
            return int(self.client.count(index=self.name(index))["count"])

    def clear(self, index: str) -> None:
        """Delete what has the name of the index, whoever made it, and make it again."""
        self._unsure = True
        with reached():
            self._drop(index)
            self._bring(index)

    def _drop(self, index: str) -> None:
        name = self.name(index)
        self._own.pop(index, None)
        if index == "events" and self.has_streams and self._is_stream(name):
            self.client.indices.delete_data_stream(name=name)
            return
        behind = list(self.client.indices.get(index=name)) if self.client.indices.exists(index=name) else []
        if index == "events" and not self.has_streams:
            behind += [it for it in self._numbered(name) if it not in behind]
        for concrete in behind:
            self.client.indices.delete(index=concrete)

    def _is_stream(self, name: str) -> bool:
        try:
            self.client.indices.get_data_stream(name=name)
        except NotFoundError:
            return False
        return True

    def refresh(self) -> None:
        """Make visible what was put."""
        with reached():
            for index in INDEXES:
                self._sure(index)
            self.client.indices.refresh(index=f"{self.prefix}-events,{self.prefix}-incidents,{self.prefix}-notices")

    def close(self) -> None:
        """Let the connections go."""
        self.client.close()


class reached:  # noqa: N801 - used like a function
    """Turns what the client raises into our words; with ``asking`` too wide a question is the asker's matter."""

    def __init__(self, *, asking: bool = False) -> None:
        self.query_session = asking

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ApiError):
            said = str(error.body)
            if self.query_session and ("too_many" in said or "too many" in said.lower() or "maxClauseCount" in said):
                raise BadQuestion("too many words begin like this; write more of their letters") from None
            raise SearchUnavailable(f"the cluster answered {error.status_code} ({error.error})") from error
        if isinstance(error, TransportError):
            raise SearchUnavailable(f"the cluster cannot be reached ({type(error).__name__})") from error


def _chunks(operations: Iterator[Operation]) -> Iterator[list[Operation]]:
    chunk: list[Operation] = []
    size = 0
    for operation in operations:
        if chunk and size + len(operation.body) > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(operation)
        size += len(operation.action) + len(operation.body)
    if chunk:
        yield chunk
