"""``python -m infra`` is the command ``qorgau``."""

from infra.cli import main

main()
