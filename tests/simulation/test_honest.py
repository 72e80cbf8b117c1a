"""What the simulator calls honest raises nothing, and an attack raises what its label names and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice

import orjson

from infra.cli.detection.rules import load
from infra.lab.simulate.stream import Made, stream
from rules.detection.matcher import Matcher
from rules.language.flatten import flatten
from tests.support import MONDAY

ANSWERED = {"collection-after-stop"}
"""Rules that need the orders that the product gives in answer."""


def found(events: Iterable[Made]) -> tuple[Counter[str], dict[str, set[str]]]:
    """Return the rules that fire on ordinary events alone, and those that fire on each kind of campaign."""
    ruleset, _, contexts = load(())
    matcher = Matcher(ruleset, contexts)
    ordinary: Counter[str] = Counter()
    attacks: dict[str, set[str]] = defaultdict(set)
    campaigns: dict[int, str] = {}
    for position, made in enumerate(events):
        if made.campaign is not None:
            campaigns[position] = made.campaign
            attacks[made.campaign] |= set()
        for hit in matcher.match(flatten(orjson.loads(made.line)), made.at.timestamp(), position):
            if hit.rule.raises_findings:
                hits = {campaigns[it] for it in hit.positions if it in campaigns}
                ordinary.update(() if hits else (hit.rule.name,))
                for campaign in hits:
                    attacks[campaign].add(hit.rule.name)
    assert not matcher.failures
    return ordinary, attacks


def test_honest_people_raise_nothing() -> None:
    events = list(islice(stream(17, MONDAY, per_day=10_000, campaign_every=0), 15_000))
    assert found(events) == (Counter(), {})
    seen = Counter(event.action for event in events)
    assert min(seen[it] for it in ("portal.registration.completed", "loan.consent.confirmed", "loan.refused")) > 3
    assert seen["otp.delivery_failed"] > 3


def test_an_attack_raises_what_its_label_names() -> None:
    events = list(islice(stream(4, MONDAY, per_day=10_000, campaign_every=250), 9_000))
    ordinary, attacks = found(events)
    assert ordinary == Counter()
    labels = {made.campaign: set(made.rules) for made in events if made.campaign is not None}
    ended = {made.campaign for made in events if made.last}
    assert len(ended) > 20
    for campaign, rules in attacks.items():
        assert rules <= labels[campaign], campaign
        assert campaign not in ended or labels[campaign] - ANSWERED <= rules, campaign
