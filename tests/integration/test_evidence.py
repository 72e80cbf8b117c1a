"""The evidence bundle: whole, proven, checked without the product, and one altered byte is found."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.cli import cli
from infra.read.evidence import Bundle
from reports.evidence.verify import Refused, signed_by, verify, write_zip
from tests.support import ANALYST, COMPLIANCE, MONDAY, World


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Path:
    """A bundle of an incident that was worked, told and closed."""
    world.feed(
        world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin",
                    mfo__client__iin="850101300005"),
        world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"),
    )  # fmt: skip
    incident = world.incidents()[0]["id"]
    world.container.acts.assign(incident, ANALYST.id, by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    path = tmp_path / "bundle.zip"
    made = Bundle(world.container, world.container.decisions.load(_incident(), incident))
    path.write_bytes(made.build(MONDAY, "test"))
    (tmp_path / "key").write_text(world.container.store.signer.verifier.text())
    return path


def _incident() -> type:
    from engine.incidents.incident import Incident

    return Incident


def key_of(bundle: Path) -> str:
    return (bundle.parent / "key").read_text()


def files_of(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_bundle_holds_what_it_should_and_is_proven(bundle: Path) -> None:
    said = verify(str(bundle), key_of(bundle))
    assert "2 events" in said
    files = files_of(bundle)
    for part in ("summary.pdf", "events.ndjson", "decisions.ndjson", "clocks.json", "calendar.yml", "README.txt"):
        assert part in files
    assert any(name.startswith("rules/iin-") for name in files)
    assert sum(name.startswith("notices/regulator-initial") for name in files) == 3
    assert b"850101300005" not in b"".join(files.values()), "personal fields are not shown"
    topics = [json.loads(line)["topic"] for line in files["decisions.ndjson"].splitlines()]
    assert topics[0] == "finding.raised.v1"
    assert {"clock.started.v1", "notice.sent.v1", "incident.assigned.v1"} <= set(topics)


def test_the_checker_runs_alone_without_the_product(bundle: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    (alone / "verify.py").write_bytes(files_of(bundle)["verify.py"])
    command = [sys.executable, "-I", "-S", str(alone / "verify.py"), str(bundle), "--key", key_of(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=alone, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert "stand in the log" in done.stdout


def test_the_command_needs_no_data_directory(bundle: Path) -> None:
    done = CliRunner().invoke(cli, ["evidence", "verify", str(bundle), "--key", key_of(bundle)])
    assert done.exit_code == 0, done.output


def test_one_altered_byte_is_found_wherever_it_is(bundle: Path) -> None:
    whole = bundle.read_bytes()
    chance = random.Random(5)
    places = {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(150))}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(changed)
        with pytest.raises(Refused):
            verify(str(bundle), key_of(bundle))
    bundle.write_bytes(whole + b"x")
    with pytest.raises(Refused):
        verify(str(bundle), key_of(bundle))


def rewritten(bundle: Path, files: dict[str, bytes]) -> None:
    out = io.BytesIO()
    write_zip(out, files)
    bundle.write_bytes(out.getvalue())


def test_a_manifest_made_anew_does_not_help(bundle: Path) -> None:
    """An insider changes an event and recomputes every hash; the key or the log's tree gives it away."""
    from hashlib import sha256

    files = files_of(bundle)
    files["events.ndjson"] = files["events.ndjson"].replace(b'"iin"', b'"xxx"')
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["events.ndjson"]["sha256"] = sha256(files["events.ndjson"]).hexdigest()
    files["manifest.json"] = json.dumps(manifest).encode()
    rewritten(bundle, files)
    with pytest.raises(Refused, match="not of this manifest"):
        verify(str(bundle), key_of(bundle))


def test_even_with_the_signing_key_an_event_must_be_the_logs(world: World, bundle: Path) -> None:
    from hashlib import sha256

    files = files_of(bundle)
    files["events.ndjson"] = files["events.ndjson"].replace(b'"mfo.change.field":"iin"', b'"mfo.change.field":"tel"')
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["events.ndjson"]["sha256"] = sha256(files["events.ndjson"]).hexdigest()
    files["manifest.json"] = json.dumps(manifest).encode()
    text = f"qorgau-evidence/1\n{manifest['incident']}\n{sha256(files['manifest.json']).hexdigest()}\n"
    files["signature.note"] = world.container.store.signer.sign_text(text).encode()
    rewritten(bundle, files)
    with pytest.raises(Refused, match=r"events.ndjson, line 1: 'mfo.change.field'"):
        verify(str(bundle), key_of(bundle))


@pytest.mark.parametrize("gone", ["events.ndjson", "proofs/ledger.ndjson", "signature.note", "manifest.json"])
def test_a_part_that_is_missing_is_named(bundle: Path, gone: str) -> None:
    files = files_of(bundle)
    del files[gone]
    rewritten(bundle, files)
    with pytest.raises(Refused, match=gone):
        verify(str(bundle), key_of(bundle))


def test_another_key_is_refused(bundle: Path) -> None:
    from engine.proofs.notes import Signer

    with pytest.raises(Refused, match="signature"):
        verify(str(bundle), Signer("qorgau", b"x" * 32).verifier.text())


def test_what_is_no_bundle_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "no.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(Refused, match="cannot be read"):
        verify(str(path))
    with pytest.raises(Refused, match="cannot be read"):
        verify(str(tmp_path / "missing.zip"))


RFC8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("public", "message", "signature"), RFC8032)
def test_the_checkers_own_signatures_are_those_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert signed_by(key, text, signed)
    assert not signed_by(key, text + b"x", signed)
    assert not signed_by(key, text, signed[:-1] + b"\x7f")
