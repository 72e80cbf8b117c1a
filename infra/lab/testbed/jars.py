"""Brings the jars of a Java server onto this machine with Maven, once; they are kept in the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from importlib import resources
from pathlib import Path

from infra.lab.testbed.server import NoServer

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
LIMIT_S = 600


def java(program: str = "java") -> str:
    """Find a program of the Java kit. Raises NoServer."""
    found = shutil.which(program)
    if found is None:
        raise NoServer(f"'{program}' is not installed (Debian: apt-get install openjdk-17-jdk-headless)")
    return found


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qorgau-testbed"


def jars_of(server: str) -> Path:
    """Return the directory with a server's jars; the first call fetches them. Raises NoServer."""
    pom = resources.files("infra.lab.testbed") / "jars" / f"{server}.xml"
    text = pom.read_bytes()
    folder = _cache() / f"{server}-{sha256(text).hexdigest()[:12]}"
    if (folder / "complete").exists():
        return folder / "lib"
    maven = shutil.which("mvn")
    if maven is None:
        raise NoServer("Maven is not installed (Debian: apt-get install maven)")
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    (making / "pom.xml").write_bytes(text)
    _run([maven, "-q", "-B", "-C", "-f", str(making / "pom.xml"), _COPY, f"-DoutputDirectory={making / 'lib'}",
          "-DincludeScope=runtime"], f"the jars of {server} cannot be fetched")  # fmt: skip
    (making / "complete").touch()
    try:
        making.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(making, ignore_errors=True)
    return folder / "lib"


def classes_of(lib: Path) -> Path:
    """Compile the launcher of Elasticsearch against its jars, once. Raises NoServer."""
    source = resources.files("infra.lab.testbed") / "java"
    with resources.as_file(source) as folder:
        files = sorted(folder.rglob("*.java"))
        mark = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
        target = lib.parent / f"classes-{mark}"
        if not target.exists():
            making = target.with_name(f"{target.name}.{os.getpid()}")
            making.mkdir()
            _run([java("javac"), "-nowarn", "-cp", f"{lib}/*", "-d", str(making), *map(str, files)],
                 "the launcher of Elasticsearch cannot be compiled")  # fmt: skip
            try:
                making.rename(target)
            except OSError:
                shutil.rmtree(making, ignore_errors=True)
    return target


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise NoServer(f"{what}: it took longer than {LIMIT_S} s") from None
    if done.returncode:
        raise NoServer(f"{what}: {(done.stdout + done.stderr).strip()[-600:]}")
