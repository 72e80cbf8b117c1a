#!/usr/bin/env python3
"""Checks an evidence bundle of Qorgau. Needs Python 3.9 or newer and nothing else: no installation, no network.

    python3 verify.py BUNDLE.zip [--key NAME+ID+KEY]

A bundle is a zip: ``manifest.json`` names every other file with its SHA-256, ``signature.note`` signs the manifest with
the log's Ed25519 key (RFC 8032, C2SP signed-note), and for every event and decision there is the proof (RFC 6962) that
it stands in the log whose signed head is in the bundle. One altered byte anywhere makes this fail and say where. The
key should come from elsewhere (``qorgau keys show`` at the organisation, or an earlier checkpoint); without ``--key``
the one named in the bundle is used, which proves that the bundle is whole, not who made it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

LONGEST = 8 * 1024 * 1024 * 1024
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


Point = tuple[int, int, int, int]
Key = tuple[str, bytes, bytes]
Files = dict[str, bytes]


class Refused(Exception):
    """The bundle is not what it should be."""


def _recover(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def _times(n: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            found = _add(found, point)
        point = _add(point, point)
        n >>= 1
    return found


def _point(data: bytes) -> Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = _recover(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


_BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature holds (RFC 8032, 5.1.7)."""
    if len(signature) != 64 or len(public) != 32:
        return False
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or _BASE is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    one, two = _times(s, _BASE), _add(r, _times(h, a))
    return (one[0] * two[2] - two[0] * one[2]) % P == 0 and (one[1] * two[2] - two[1] * one[2]) % P == 0


def read_key(text: str) -> Key:
    """Take a public key ``name+id+base64`` apart: (name, key id, 32 bytes)."""
    try:
        name, key_id, packed = text.strip().split("+", 2)
        data = base64.b64decode(packed, validate=True)
        expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        if len(data) != 33 or expected.hex() != key_id:
            raise ValueError
    except ValueError:
        raise Refused("the key is not of the form name+id+key") from None
    return name, expected, data[1:]


def open_note(note: str, key: Key) -> str:
    """Return the text of a note whose signature by the key holds (C2SP signed-note)."""
    name, key_id, public = key
    text, cut, tail = note.partition("\n\n")
    text += "\n"
    for line in tail.splitlines() if cut else ():
        parts = line.split(" ")
        if len(parts) == 3 and parts[0] == "\u2014" and parts[1] == name:
            packed = base64.b64decode(parts[2])
            if packed[:4] == key_id and signed_by(public, text.encode(), packed[4:]):
                return text
    raise Refused("a signature does not hold, or is of another key")


def _root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Compute the root from a leaf and its audit path (RFC 9162, 2.1.3.2)."""
    node, last = index, size - 1
    if index < 0 or index >= size:
        return None
    found = leaf
    for part in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            found = hashlib.sha256(b"\x01" + part + found).digest()
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = hashlib.sha256(b"\x01" + found + part).digest()
        node >>= 1
        last >>= 1
    return found if last == 0 else None


def check_log(name: str, lines: list[bytes], note: str, key: Key) -> dict[int, bytes]:
    """Check every inclusion of one log; return position → record."""
    head = open_note(note, key).split("\n")
    size, root = int(head[1]), base64.b64decode(head[2])
    records: dict[int, bytes] = {}
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        record = base64.b64decode(entry["record"], validate=True)
        position = entry["position"]
        path = [base64.b64decode(part, validate=True) for part in entry["path"]]
        found = _root_of(hashlib.sha256(b"\x00" + record).digest(), position - 1, size, path)
        if record[:8] != position.to_bytes(8, "big") or found != root:
            raise Refused(f"{name}, line {number}: position {position} does not stand in the log")
        records[position] = record
    return records


def _decision(record: bytes) -> tuple[str, Any]:
    """Take a record of the log of decisions apart: topic and JSON."""
    length = int.from_bytes(record[28:32], "big")
    start = 32 + length
    size = int.from_bytes(record[start : start + 4], "big")
    return record[32:start].decode(), json.loads(record[start + 4 : start + 4 + size])


def _event(record: bytes) -> tuple[int, bytes, bytes]:
    """Take a record of the ledger apart: (kind, meta, body); kind 1 has its personal part encrypted."""
    data = record[8:]
    meta_length = int.from_bytes(data[35:39], "big")
    return data[16], data[43 : 43 + meta_length], data[43 + meta_length :]


def _check_decisions(files: Files, records: dict[int, bytes]) -> None:
    for number, line in enumerate(files["decisions.ndjson"].splitlines(), 1):
        shown = json.loads(line)
        topic, state = _decision(records[shown["position"]])
        if (shown["topic"], shown["fact"]) != (topic, state):
            raise Refused(f"decisions.ndjson, line {number}: not what stands at position {shown['position']}")


def _check_events(files: Files, records: dict[int, bytes]) -> None:
    for number, line in enumerate(files["events.ndjson"].splitlines(), 1):
        shown = json.loads(line)
        kind, meta, body = _event(records[shown["position"]])
        clear = json.loads(meta)["fields"] if kind == 1 else None
        if clear is None:
            known = json.loads(meta) if meta else {}
            clear = known.get("fields") or json.loads(body)
        for name, value in shown["fields"].items():
            if kind == 1 and name not in clear and value == "(personal)":
                continue
            if name in clear and value not in (clear[name], "(personal)"):
                raise Refused(f"events.ndjson, line {number}: '{name}' is not what stands in the log")


def verify(path: str, key_text: str | None = None) -> str:
    """Check a bundle; return what it holds in words. Raises Refused naming the first thing that is wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > LONGEST:
                raise Refused("the bundle is larger than it may be")
            if len({info.filename for info in infos}) != len(infos):
                raise Refused("a file is in the bundle twice")
            files = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise Refused(f"the zip cannot be read: {error}") from None
    except Exception as error:  # zlib.error and the like: an altered byte in the compressed data
        raise Refused(f"the zip is damaged: {error}") from None
    try:
        return _verify(path, files, key_text)
    except Refused:
        raise
    except (KeyError, ValueError, IndexError, TypeError, UnicodeDecodeError) as error:
        raise Refused(f"a part is missing or malformed: {type(error).__name__} {error}") from None


def _verify(path: str, files: Files, key_text: str | None) -> str:
    for name in ("manifest.json", "signature.note"):
        if name not in files:
            raise Refused(f"{name} is missing")
    raw = files["manifest.json"]
    manifest = json.loads(raw)
    if manifest.get("format") != "qorgau-evidence/1":
        raise Refused("this is not an evidence bundle of a known format")
    key = read_key(key_text or manifest["key"])
    text = open_note(files["signature.note"].decode(), key).split("\n")
    if text[:3] != ["qorgau-evidence/1", manifest["incident"], hashlib.sha256(raw).hexdigest()]:
        raise Refused("the signature is not of this manifest")
    listed = manifest["files"]
    for name in sorted(set(listed) | set(files)):
        if name in ("manifest.json", "signature.note"):
            continue
        if name not in files:
            raise Refused(f"{name} is missing")
        if name not in listed:
            raise Refused(f"{name} is not in the manifest")
        if hashlib.sha256(files[name]).hexdigest() != listed[name]["sha256"]:
            raise Refused(f"{name} was altered")
    _exact(path, files)
    events = (
        check_log(
            "proofs/ledger.ndjson",
            files["proofs/ledger.ndjson"].splitlines(),
            files["proofs/ledger.note"].decode(),
            key,
        )
        if "proofs/ledger.note" in files
        else {}
    )
    decisions = check_log(
        "proofs/decisions.ndjson",
        files["proofs/decisions.ndjson"].splitlines(),
        files["proofs/decisions.note"].decode(),
        key,
    )
    _check_events(files, events)
    _check_decisions(files, decisions)
    who = "the key given" if key_text else "the key named in the bundle"
    return (
        f"{manifest['incident']} of {manifest['organisation']}: {len(files)} files, {len(events)} events and "
        f"{len(decisions)} decisions stand in the log; signed by {key[0]} ({who})"
    )


def _exact(path: str, files: Files) -> None:
    """Demand that the zip is byte for byte what these files make: nothing hides between its parts."""
    out = io.BytesIO()
    write_zip(out, files)
    if Path(path).read_bytes() != out.getvalue():
        raise Refused("the zip holds bytes that belong to no file")


def write_zip(out: IO[bytes], files: Files) -> None:
    """Write files as a zip that is always the same: sorted, stored, with fixed times."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            info.create_system = 3
            archive.writestr(info, files[name])


def main(arguments: list[str]) -> int:
    """Run as a program: exit status 0 when the bundle holds, 1 when not, 2 for bad usage."""
    key = None
    if "--key" in arguments[:-1]:
        place = arguments.index("--key")
        key = arguments[place + 1]
        arguments = arguments[:place] + arguments[place + 2 :]
    if len(arguments) != 1:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        sys.stdout.write(verify(arguments[0], key) + "\n")
    except Refused as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
