"""Notices: their texts, their documents, and that no text can become anything else than text."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import pytest

from engine.errors import InputError
from engine.notices import content_hash
from reports.document import document
from reports.drafts import Organisation, Subject, draft
from reports.mail import message
from reports.render import render
from tests.support import MONDAY

ORGANISATION = Organisation(name_ru="ТОО «МФО Тест»", name_kk="«Тест МҚҰ» ЖШС", bin="БИН 000000000000", contact="ИБ")
EVIL = "<script>alert(1)</script> {{ 7*7 }} #panic() $x$ `#eval` \\ =SUM(A1) әіңғүұқөһ"


def subject(**changes: object) -> Subject:
    values: dict[str, object] = {
        "number": "INC-2026-0001", "incident_class": "unauthorised-access", "detected_at": MONDAY, "source": "portal",
        "signs": {"ru": "Подбор", "kk": "Іріктеу"}, "clients": 2, "loans": 1, "remediation_due": MONDAY,
    }  # fmt: skip
    return Subject.model_validate({**values, **changes})


@pytest.mark.parametrize("kind", ["regulator", "client", "pd_authority"])
def test_a_draft_has_every_field_in_both_languages(kind: str) -> None:
    content = draft(kind, subject(), ORGANISATION)
    assert set(content) == {"ru", "kk"}
    assert list(content["ru"]) == list(content["kk"])
    assert all(text.strip() for fields in content.values() for text in fields.values())
    assert not any("{" in text for fields in content.values() for text in fields.values())


def test_a_clients_notice_names_no_other_client_and_no_method() -> None:
    content = draft("client", subject(client="c-1", signs={"ru": "Секретный метод"}), ORGANISATION)
    text = " ".join(content["ru"].values())
    assert "Секретный метод" not in text
    assert "2" not in content["ru"]["data"]


def test_containment_is_only_claimed_when_it_happened() -> None:
    assert "сдерживания" not in draft("client", subject(), ORGANISATION)["ru"]["done"]
    contained = subject(measures=(("contained", MONDAY + timedelta(minutes=5)),))
    assert "сдерживания" in draft("client", contained, ORGANISATION)["ru"]["done"]


def evil_document() -> object:
    content = {"ru": {"damage": EVIL, "causes": "a\nb"}, "kk": {"damage": EVIL, "causes": "ә"}}
    return document(kind="regulator", notice_id="n-1", number="INC-1", content=content, drafted_at=MONDAY)


def test_html_escapes_and_evaluates_nothing() -> None:
    html = render(evil_document(), "html").decode()  # type: ignore[arg-type]
    assert "<script>" not in html
    assert "{{ 7*7 }}" in html
    assert "ПРОЕКТ" in html


def test_the_pdf_shows_the_text_as_it_is() -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    pdf = render(evil_document(), "pdf")  # type: ignore[arg-type]
    assert pdf.startswith(b"%PDF")
    text = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    assert "#panic()" in text
    assert "әіңғүұқөһ" in text


def test_the_hash_is_over_the_content_alone() -> None:
    assert content_hash({"ru": {"a": "1", "b": "2"}}) == content_hash({"ru": {"b": "2", "a": "1"}})
    assert content_hash({"ru": {"a": "1"}}) != content_hash({"ru": {"a": "2"}})


def mail(**changes: str) -> object:
    values = {"sender": "a@b.kz", "recipient": "c@d.kz", "subject": "Уведомление"}
    return message(
        notice_id="n-1", kind="client", text="текст", pdf=b"%PDF-1.7", at=MONDAY, client="c-1", **{**values, **changes}
    )


def test_a_mail_carries_its_notice_and_a_stable_id() -> None:
    raw = mail().as_bytes()  # type: ignore[attr-defined]
    assert b"Message-ID: <n-1@b.kz>" in raw
    assert b"X-Qorgau-Client: c-1" in raw
    assert b"application/pdf" in raw


@pytest.mark.parametrize("field", ["sender", "recipient", "subject"])
def test_a_header_cannot_smuggle_another(field: str) -> None:
    with pytest.raises(InputError):
        mail(**{field: "x@y.kz\r\nBcc: evil@z.kz"})
