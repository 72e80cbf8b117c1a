"""The golden logs of ten simulated streams, and what can be said of the files without running anything."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from infra.lab.simulate.stream import Made, stream
from tests.golden.canonical import Text, canonical, read
from tests.golden.recorded import FILES, File, check, references
from tests.golden.watching import patient
from tests.support import MovingClock, World

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
SEEDS = range(1, 11)
PER_DAY = 400
CAMPAIGN_EVERY = 44
AT_ONCE = 12
LATER = ({"hours": 3}, {"days": 1}, {"days": 1})
TESTS = Path(__file__).parents[1]


def events_of(seed: int) -> list[Made]:
    """600 to 1,000 events of about two days, with some twenty campaigns among them."""
    return list(islice(stream(seed, START, per_day=PER_DAY, campaign_every=CAMPAIGN_EVERY), 580 + 40 * seed))


def labels(events: list[Made]) -> Text:
    """What stands in the stream, as a line of the text: without it nobody sees why it was found."""
    found = Counter(event.campaign for event in events if event.campaign is not None and event.last)
    return Text([f'{{"_":"stream","campaigns":"{dict(sorted(found.items()))}","events":{len(events)}}}'])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_leads_to_the_recorded_decisions(seed: int, tmp_path: Path) -> None:
    events = events_of(seed)
    world = patient(World(tmp_path / "data", MovingClock(START)))
    for start in range(0, len(events), AT_ONCE):
        batch = events[start : start + AT_ONCE]
        world.clock.at = batch[-1].at
        world.feed(*(event.line for event in batch))
        world.sweep()
    for delta in LATER:
        world.clock.forward(**delta)
        world.sweep()
    text = canonical(read(world))
    world.whole()
    world.container.close()
    text.lines = [*labels(events).lines, *text.lines]
    told = check(f"stream-{seed}", f"seed {seed}", text)
    if told:
        pytest.fail(told, pytrace=False)


def recorded() -> list[Path]:
    return sorted(FILES.glob("*.log"))


def test_every_recorded_case_is_still_a_test() -> None:
    for path in recorded():
        sources = [*TESTS.glob(f"scenarios/{path.stem}.py"), *TESTS.glob(f"integration/{path.stem}.py")]
        for case in File.of(path.read_text(encoding="utf8")).cases:
            name = case.partition("[")[0].partition(" ")[0]
            known = path.stem.startswith("stream-") or any(f"def {name}(" in file.read_text() for file in sources)
            assert known, f"{path.name} holds {case}, which is no test any more; take it out"


def test_a_file_is_written_as_it_was_read() -> None:
    for path in recorded():
        text = path.read_text(encoding="utf8")
        file = File.of(text)
        assert file.written() == text, path.name
        lines = "\n".join(line for lines in file.cases.values() for line in lines)
        assert references(lines, file.texts) == set(file.texts)


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in recorded()) < 8_900_000
