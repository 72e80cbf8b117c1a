"""``qorgau simulate``: realistic labelled traffic on stdout."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import click

from engine.kernel.errors import InputError
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from infra.lab.simulate.stream import CAMPAIGN_EVERY, EVENTS_PER_DAY, stream


@click.command()
@click.option("--events", type=click.IntRange(1), required=True, help="How many events.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--labels", type=click.Path(path_type=Path), help="File for the labels of the attacks (NDJSON).")
@click.option("--start", default="2026-11-02T00:00:00+05:00", show_default=True, help="Instant of the first events.")
@click.option("--per-day", type=click.IntRange(1000), default=EVENTS_PER_DAY, show_default=True)
@click.option("--no-attacks", is_flag=True, help="Ordinary traffic only.")
def simulate(events: int, seed: int, labels: Path | None, start: str, per_day: int, no_attacks: bool) -> None:
    """Write a microfinance organisation's day as NDJSON: portal, bureau, loans, collections, machines, and attacks."""
    try:
        begin = parse_rfc3339(start)
    except NotAnInstant:
        raise InputError("an instant such as 2026-11-02T00:00:00+05:00 is needed", field="--start") from None
    out = sys.stdout.buffer
    marks = labels.open("w", encoding="utf8") if labels else None
    try:
        for made in islice(
            stream(seed, begin, per_day=per_day, campaign_every=0 if no_attacks else CAMPAIGN_EVERY), events
        ):
            out.write(made.line + b"\n")
            if marks is not None and made.campaign is not None:
                label = {
                    "event.id": made.event_id,
                    "campaign": made.campaign,
                    "instance": made.instance,
                    "last": made.last,
                    "rules": list(made.rules),
                }
                marks.write(json.dumps(label) + "\n")
        out.flush()
    finally:
        if marks is not None:
            marks.close()
