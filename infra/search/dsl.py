"""Questions in the query DSL of Elasticsearch, over the words that we spelled ourselves."""

from __future__ import annotations

from typing import Any

from infra.search.question import And, Between, Node, Not, Or, Phrase

WORDS, TIME = "qorgau.words", "qorgau.at"


def query_of(question: Node) -> dict[str, Any]:
    """Give the query of a question. Nothing is scored: what answers is shown, the newest first."""
    match question:
        case Phrase():
            return _phrase(question)
        case Between(low, high):
            return {"range": {TIME: {"gte": low, "lte": high}}}
        case And(parts):
            return {"bool": {"filter": [query_of(it) for it in parts]}} if parts else {"match_all": {}}
        case Or(parts):
            asked = [query_of(it) for it in parts]
            return {"bool": {"should": asked, "minimum_should_match": 1}} if asked else {"match_none": {}}
        case Not(part):
            return {"bool": {"must_not": [query_of(part)]}}


def _phrase(question: Phrase) -> dict[str, Any]:
    *before, last = question.words
    if not before:
        return {"prefix" if question.open else "term": {WORDS: {"value": last}}}
    if not question.open:
        return {"match_phrase": {WORDS: {"query": " ".join(question.words), "analyzer": "whitespace"}}}
    # Not match_phrase_prefix: that one silently leaves out what goes beyond its limit; intervals say so.
    rules: list[dict[str, Any]] = [{"match": {"query": word, "analyzer": "whitespace"}} for word in before]
    rules.append({"prefix": {"prefix": last, "analyzer": "whitespace"}})
    return {"intervals": {WORDS: {"all_of": {"ordered": True, "max_gaps": 0, "intervals": rules}}}}
