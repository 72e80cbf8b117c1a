"""Questions in the query DSL of Elasticsearch, over the words that we spelled ourselves."""

from __future__ import annotations

from typing import Any

from engine.search.question import And, Between, Node, Not, Or, Phrase
from engine.search.words import SEPARATOR

WORDS, RUNS, TIME = "qorgau.words", "qorgau.runs", "qorgau.at"
LONGEST_RUN = 4
JOINT = "zp"
"""Between two words of a run; no spelling of a letter."""


def query_of(question: Node) -> dict[str, Any]:
    """Return the query of a question. Nothing is scored: what answers is shown, the newest first."""
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
        return _closed(question.words)
    # No query of the engine for phrases takes any number of endings: they stop at a limit, or leave the rest out. So
    # words that follow one another are spelled together beside the text, and a beginning of that is an ordinary prefix.
    together = {"prefix": {RUNS: {"value": JOINT.join(question.words[-LONGEST_RUN:])}}}
    if len(question.words) <= LONGEST_RUN:
        return together
    return {"bool": {"filter": [together, _closed(question.words[:-1])]}}


def _closed(words: tuple[str, ...]) -> dict[str, Any]:
    return {"match_phrase": {WORDS: {"query": " ".join(words), "analyzer": "whitespace"}}}


def runs_of(words: str) -> list[str]:
    """Return every run of up to four words of one value, spelled together."""
    found: dict[str, None] = {}
    value: list[str] = []
    for word in (*words.split(), SEPARATOR):
        if word != SEPARATOR:
            value.append(word)
            continue
        for at in range(len(value) - 1):
            found[JOINT.join(value[at : at + LONGEST_RUN])] = None
        value.clear()
    return list(found)
