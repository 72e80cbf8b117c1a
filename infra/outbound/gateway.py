"""The lender's gateway for notices to clients (SMS, push, letters), many in one call (docs/gateway.md).

Contract: ``POST <address>`` with ``Idempotency-Key``, a JSON body of one text and the clients who get it; the answer
says of each whether it was accepted or refused. What the answer does not name was not taken and is asked again.
Accepted is not told: what became of each comes back later as a status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson

from engine.kernel.messages import NoticeMessage
from engine.kernel.ports import Delivery, Intent, TimeSource
from engine.notices.many import CLIENT
from engine.notices.notice import Notice
from infra.outbound.orders import HttpPost
from infra.outbound.signing import signed
from infra.read.notices.documents import notice_document
from infra.store.log.decisions import Decisions
from reports.render import render_texts
from reports.wording import kind_key, title

CONTRACT = 1
MOST_ANSWER = 512 * 1024
"""Bytes of an answer that are read; one about 500 messages has some 100 bytes for each."""
TEXTS_KEPT = 16


class ClientGateway:
    """Performs the intents ``client``, many in one call."""

    repeatable = True
    most = 500

    def __init__(
        self, decisions: Decisions, clock: TimeSource, http: HttpPost, url: str, secrets: Sequence[str] = ()
    ) -> None:
        self.decisions = decisions
        self.clock = clock
        self.http = http
        self.url = url
        self.secrets = secrets
        self._texts: dict[tuple[str, str], dict[str, Any]] = {}

    def perform(self, intent: Intent) -> Delivery:
        """Hand one notice over."""
        return self.perform_many([intent])[0]

    def perform_many(self, intents: Sequence[Intent]) -> list[Delivery]:
        """Hand notices over, by one call for each text; return what became of each."""
        keys = [_message(intent).notice_id for intent in intents]
        with self.decisions.database.read() as cursor:
            held = self.decisions.load_many_within(cursor, Notice, list(dict.fromkeys(keys)))
        by_text: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            by_text.setdefault(held[key].text_of or key, []).append(place)
        fates: dict[int, Delivery] = {}
        for places in by_text.values():
            for place in [it for it in places if _is_settled(intents[it], held[keys[it]])]:
                places.remove(place)
                fates[place] = Delivery(outcome="done", detail="settled meanwhile")
        self._render([(text, held[keys[places[0]]]) for text, places in by_text.items() if places])
        for text, places in ((text, places) for text, places in by_text.items() if places):
            said = self._hand_over(text, [(intents[place], held[keys[place]]) for place in places])
            fates.update(zip(places, said, strict=True))
        return [fates[place] for place in range(len(intents))]

    def _hand_over(self, text: str, given: Sequence[tuple[Intent, Notice]]) -> list[Delivery]:
        key = sha256("\n".join(intent.key for intent, _ in given).encode()).hexdigest()
        messages = [_shown(intent, notice) for intent, notice in given]
        body = orjson.dumps(
            {"contract": CONTRACT, "batch": key, "text": self._text(text, given[0][1]), "messages": messages}
        )
        more = signed(f"msg_{key[:32]}", self.clock.now(), self.secrets, body) if self.secrets else None
        answer = self.http.ask(self.url, key, body, more, MOST_ANSWER)
        if answer.error or not 200 <= answer.status < 300:
            what = answer.error or f"HTTP {answer.status}"
            return [Delivery(outcome="retry", detail=f"{what} from the gateway for clients")] * len(given)
        results = _results(answer.body)
        return [_delivery(results.get(it["id"])) for it in messages]

    def _text(self, key: str, one: Notice) -> dict[str, Any]:
        """The text as the gateway gets it. What was approved is frozen, so the latest are kept."""
        return self._texts[key, one.content_hash or ""]

    def _render(self, wanted: Sequence[tuple[str, Notice]]) -> None:
        """Render the texts that are not kept yet, with one notice that carries each. A notice of an earlier version is
        a text of its own, so there may be hundreds."""
        lacking = [(key, one) for key, one in wanted if (key, one.content_hash or "") not in self._texts]
        if len(self._texts) + len(lacking) > TEXTS_KEPT:
            kept = {(key, one.content_hash or "") for key, one in wanted}
            self._texts = {key: held for key, held in self._texts.items() if key in kept}
        texts = [self.decisions.load(Notice, key) if key != one.id else one for key, one in lacking]
        pages = [(text, language) for text in texts for language in text.content]
        made = [notice_document(self.decisions, _alone(text, language), language) for text, language in pages]
        told = iter(zip(render_texts([document for document, _ in made]), made, strict=True))
        for (key, one), text in zip(lacking, texts, strict=True):
            languages, number = {}, ""
            for language in text.content:
                words, (_, number) = next(told)
                languages[language] = {
                    "title": title(kind_key(text.kind, text.stage), language), "fields": text.content[language],
                    "text": words,
                }  # fmt: skip
            self._texts[key, one.content_hash or ""] = {
                "id": text.id, "sha256": text.content_hash, "kind": text.kind, "stage": text.stage, "incident": number,
                "placeholder": CLIENT, "languages": languages,
            }  # fmt: skip


def _alone(text: Notice, language: str) -> Notice:
    return replace(text, content={language: text.content[language]})


def _message(intent: Intent) -> NoticeMessage:
    assert isinstance(intent.message, NoticeMessage)
    return intent.message


def _shown(intent: Intent, notice: Notice) -> dict[str, Any]:
    delivery = notice.deliveries.get(_message(intent).recipient or notice.recipient)
    again = {"repeat": True} if delivery is not None and delivery.repeat else {}
    return {"id": notice.id, "client": notice.subject, "attempt": delivery.attempt if delivery else 1, **again}


def _is_settled(intent: Intent, notice: Notice) -> bool:
    """Say whether somebody handed the notice over meanwhile: it is not sent a second time."""
    delivery = notice.deliveries.get(_message(intent).recipient or notice.recipient)
    return delivery is None or delivery.state not in ("waiting", "handed-over")


def _results(body: bytes) -> dict[str, Mapping[str, Any]]:
    """What an answer says of each message, by id; empty for one that cannot be read."""
    try:
        document = orjson.loads(body)
        results = document["results"]
        reference = str(document.get("reference", ""))
        found: dict[str, Mapping[str, Any]] = {}
        for it in results:
            name = str(it["id"])
            both = name in found and found[name].get("outcome") != it.get("outcome")
            found[name] = {"reference": reference, **it, **({"outcome": "both"} if both else {})}
        return found
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return {}


def _delivery(said: Mapping[str, Any] | None) -> Delivery:
    if said is None:
        return Delivery(outcome="retry", detail="the gateway's answer does not name it")
    reference, detail = str(said.get("reference") or "")[:200], str(said.get("detail") or "")[:300]
    match said.get("outcome"):
        case "accepted":
            return Delivery(outcome="handed-over", reference=reference, detail=detail)
        case "refused":
            return Delivery(outcome="refused", reference=reference, detail=detail or "refused by the gateway")
        case _:
            return Delivery(outcome="retry", detail="the gateway's answer says neither accepted nor refused")
