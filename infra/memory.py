"""The garbage collector, set for batches: what a batch makes dies with it and need not be looked at many times."""

from __future__ import annotations

import gc


def tune() -> None:
    """Leave what is loaded alone for good, and collect less often. Called once, when a program is ready to work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
