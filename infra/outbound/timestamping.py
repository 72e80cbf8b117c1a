"""Time stamps of the logs' heads by a time-stamping authority (RFC 3161): an outsider's proof of when they were there.

A stamp is asked for over the signed note of a checkpoint. Note and answer are kept as they came, so that anybody can
check them with the authority's certificate, for example with ``openssl ts -verify -data NOTE -in TSR``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from rfc3161_client import (
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.base import HashAlgorithm

from engine.kernel.errors import DataError, QorgauError

QUERY = "application/timestamp-query"
MAX_BYTES = 64 * 1024


class StampRefused(QorgauError):
    """The authority cannot be reached, does not grant the stamp, or its answer does not hold."""

    code = "timestamp"


def roots_of(path: Path | None) -> tuple[x509.Certificate, ...]:
    """Read the certificates the organisation trusts (PEM). Raise DataError naming the file."""
    if path is None:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except ValueError:
        raise DataError("holds no certificate in PEM", file=str(path)) from None


def check(note: bytes, token: bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """Check a stamp over a note; return its instant (UTC). Raise StampRefused.

    Without ``roots`` only what it stamps is checked, not who stamped it.
    """
    answer = _decode(token)
    if bytes(answer.tst_info.message_imprint.message) != hashlib.sha256(note).digest():
        raise StampRefused("the stamp is over something else")
    if roots:
        builder = VerifierBuilder()
        for root in roots:
            builder = builder.add_root_certificate(root)
        try:
            builder.build().verify_message(answer, note)
        except (VerificationError, InvalidSignature, ValueError) as error:
            raise StampRefused(f"the stamp does not hold: {str(error)[:200]}") from None
    return answer.tst_info.gen_time


def _decode(token: bytes) -> TimeStampResponse:
    try:
        answer = decode_timestamp_response(token)
        status = PKIStatus(answer.status)
    except Exception as error:  # the parser raises what its own parser raises
        raise StampRefused(f"the answer is no time stamp ({type(error).__name__})") from None
    if status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        raise StampRefused(f"the authority did not grant the stamp: {status.name}")
    return answer


class Authority:
    """A time-stamping authority at an address."""

    def __init__(self, url: str, roots: Sequence[x509.Certificate], client: httpx.Client | None = None) -> None:
        self.url = url
        self.roots = roots
        self.client = client or httpx.Client(timeout=10, follow_redirects=False)

    def stamp(self, note: bytes) -> tuple[bytes, datetime]:
        """Have a note stamped; return the answer as it came and its instant. Raise StampRefused."""
        request = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).build()
        try:
            answer = self.client.post(self.url, content=request.as_bytes(), headers={"Content-Type": QUERY})
        except httpx.HTTPError as error:
            raise StampRefused(f"{self.url} does not answer: {type(error).__name__}") from error
        if answer.status_code != 200 or len(answer.content) > MAX_BYTES:
            raise StampRefused(f"{self.url} answers {answer.status_code} with {len(answer.content)} bytes")
        token = answer.content
        nonce = _decode(token).tst_info.nonce
        if nonce is not None and request.nonce is not None and nonce != request.nonce:
            raise StampRefused(f"{self.url} answers another request")
        return token, check(note, token, self.roots)
