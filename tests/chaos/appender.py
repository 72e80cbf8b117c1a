"""A process that appends batches and says so after each: the victim of ``test_ledger_kills``.

Arguments: kind (sqlite or postgres), directory, address, number of the first event. Says ``ready``, then the number of
the last event after each batch that is durable; ``full`` and an end when the store cannot take more.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.store.sql.database import StoreUnavailable
from tests.contract.test_ledger import event
from tests.stores import Stores
from tests.support import MONDAY


def main() -> None:
    kind, folder, url, first = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    stores = Stores.__new__(Stores)
    stores.kind, stores.folder, stores.url, stores._open = kind, folder, url, []
    ledger = stores.ledger(run=500)
    say("ready")
    number = first
    while True:
        batch = [
            event(str(n), **{"mfo.client.iin": "850101300005", "mfo.client.id": f"c-{n % 50}"})
            for n in range(number, number + 1 + number % 23)
        ]
        try:
            ledger.append(batch, [], MONDAY)
        except StoreUnavailable:
            say("full")
            return
        number += len(batch)
        say(str(number - 1))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
