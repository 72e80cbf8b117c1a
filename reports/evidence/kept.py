"""The parts of a bundle as files on disk, and the zip made of them: byte for byte what ``verify.write_zip`` makes."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple


class Kept(NamedTuple):
    """A part of a bundle: where it is kept, its length and its hash."""

    path: Path
    size: int
    sha256: str


def write_kept(out: IO[bytes], files: Mapping[str, Kept]) -> None:
    """Write files as a zip that is always the same: sorted, stored, with fixed times."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            info.create_system = 3
            info.file_size = files[name].size
            with files[name].path.open("rb") as part, archive.open(info, "w") as into:
                shutil.copyfileobj(part, into, 1 << 20)
