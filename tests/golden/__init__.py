"""The golden log: what the product decided, in a text that only a changed decision changes.

``logs/`` holds the text of every scenario (taken at its teardown, ``tests/scenarios/conftest.py``), of ten simulated
streams (``test_golden.py``) and of an old store that was finished (``tests/integration/test_old_stores.py``). A test
whose decisions differ fails with the difference. Where the change is meant::

    QORGAU_GOLDEN=write pytest tests/scenarios tests/golden tests/integration/test_old_stores.py
    git diff tests/golden/logs

``canonical`` makes the text, ``recorded`` keeps and compares it, ``watching`` takes it of the worlds of a test.
"""
