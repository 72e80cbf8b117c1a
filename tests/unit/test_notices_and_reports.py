"""Notices: their texts, their documents, and that no text can become anything else than text."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import docx
import pytest

from engine.kernel.errors import InputError
from engine.notices.notice import content_hash
from reports.document import Facts, document
from reports.drafter import TemplateError, TemplateSandbox
from reports.drafts import OrderSubject, Organisation, Subject, Writer, example
from reports.mail import message
from reports.render import render, render_report
from reports.report import Block, Report, Table
from reports.wording import kinds
from tests.support import MONDAY

ORGANISATION = Organisation(name_ru="ТОО «МФО Тест»", name_kk="«Тест МҚҰ» ЖШС", bin="БИН 000000000000", contact="ИБ")
LANGUAGES = ("ru", "kk", "en")
EVIL = "<script>alert(1)</script> {{ 7*7 }} #panic() $x$ `#eval` \\ =SUM(A1) әіңғүұқөһ"


def subject(**changes: object) -> Subject:
    values: dict[str, object] = {
        "number": "INC-2026-0001", "incident_class": "unauthorised-access", "detected_at": MONDAY, "source": "portal",
        "signs": {"ru": "Подбор", "kk": "Іріктеу"}, "clients": 2, "loans": 1, "remediation_due": MONDAY,
    }  # fmt: skip
    return Subject.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def writer() -> Iterator[Writer]:
    drafter = TemplateSandbox()
    yield Writer(drafter, ORGANISATION, LANGUAGES)
    drafter.close()


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "order"])
def test_a_draft_has_every_field_in_every_language(writer: Writer, kind: str) -> None:
    content = writer.draft(kind, subject(), {})
    assert set(content) == set(LANGUAGES)
    assert list(content["ru"]) == list(content["kk"]) == list(content["en"])
    assert all(text.strip() for fields in content.values() for text in fields.values())
    assert not any("{" in text for fields in content.values() for text in fields.values())


def test_only_words_of_the_house_go_to_the_child() -> None:
    sandbox = TemplateSandbox()
    writer = Writer(sandbox, ORGANISATION, ["en"])
    try:
        assert writer.draft("regulator", subject(), {})["en"]["damage"]
        assert sandbox._child is None
        own = {("regulator", "en"): {"damage": "Own words of {{ incident.number }}"}}
        assert writer.draft("regulator", subject(), own)["en"]["damage"] == "Own words of INC-2026-0001"
        assert sandbox._child is not None
    finally:
        sandbox.close()


@pytest.mark.parametrize("kind", ["collection-stop", "accrual-stop", "bureau-correction", "client-flag", "write-off"])
def test_an_order_says_what_is_demanded_in_every_language(writer: Writer, kind: str) -> None:
    order = OrderSubject(
        number="1", kind=kind, target="collections", issued_at=MONDAY, due_at=MONDAY, act_kind="victim_resolution",
        issuer="УП", act_number="17", act_date="20.11.2026", received_at=MONDAY, channel="office", client="c-9",
        loans=("L-9",),
    )  # fmt: skip
    content = writer.order(order, {})
    assert all(text.strip() for fields in content.values() for text in fields.values())
    assert len({fields["demands"] for fields in content.values()}) == 3


def test_a_clients_notice_names_no_other_client_and_no_method(writer: Writer) -> None:
    content = writer.draft("client", subject(client="c-1", signs={"ru": "Секретный метод"}), {})
    text = " ".join(content["ru"].values())
    assert "Секретный метод" not in text
    assert "2" not in content["ru"]["data"]


def test_containment_is_only_claimed_when_it_happened(writer: Writer) -> None:
    assert "локализации" not in writer.draft("client", subject(), {})["ru"]["done"]
    contained = subject(measures=(("contained", MONDAY + timedelta(minutes=5)),))
    assert "локализации" in writer.draft("client", contained, {})["ru"]["done"]


def test_a_late_notice_asks_for_the_reason(writer: Writer) -> None:
    assert "late" not in writer.draft("regulator", subject(), {})["ru"]
    assert writer.draft("regulator", subject(late=True), {})["kk"]["late"] == ""


PAYLOADS = [
    "{{ ''.__class__.__mro__ }}",
    "{{ incident.__class__ }}",
    "{{ incident.update(number=1) }}",
    "{{ incident.pop('number') }}",
    "{{ organisation.name.format(incident) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ namespace() }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ incident|attr('__class__') }}",
    "{{ '%s'|format(incident) }}",
    "{{ incident|map('upper')|list }}",
    "{{ incident|tojson }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ nothing_of_that_name }}",
    "{{ incident.nothing }}",
    "{{ unclosed",
    "{% for a in b %}",
    "{{ url_for.__globals__ }}",
    "{{ request }}",
    "{{ config.items() }}",
    "{{ get_flashed_messages }}",
    "{% set x = incident.__setattr__ %}{{ x }}",
    "{{ (1).__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ incident['__class__'] }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{ [].append(1) }}",
    "{{ 'x'.join(['a', 'b']) }}",
    "{{ joiner }}",
    "{{ debug() }}",
    "{% call incident() %}{% endcall %}",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_template_can_show_values_and_do_nothing_else(writer: Writer, payload: str) -> None:
    values = {"en": example(writer, "en", "regulator")}
    with pytest.raises(TemplateError):
        writer.drafter.fill({"en": {"damage": payload}}, values)
    assert writer.drafter.fill({"en": {"damage": "{{ incident.number }}"}}, values)["en"]["damage"] == "INC-2026-0001"


@pytest.mark.parametrize(
    "greedy",
    [
        "{% for a in incident.sign %}{% for b in incident.sign %}{% for c in incident.sign %}"
        "{% for d in incident.sign %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = incident.sign %}" + "{% set ns = ns ~ ns ~ ns ~ ns %}" * 40 + "{{ ns }}",
    ],
)
def test_a_template_that_loops_or_grows_is_stopped_and_the_next_one_works(greedy: str) -> None:
    drafter = TemplateSandbox(timeout_s=2.0)
    writer = Writer(drafter, ORGANISATION, ("en",))
    values = {"en": writer.values("en", subject(signs={"en": "x" * 400}))}
    with pytest.raises(TemplateError):
        drafter.fill({"en": {"damage": greedy}}, values)
    assert drafter.fill({"en": {"damage": "{{ incident.number }}"}}, values)["en"]["damage"] == "INC-2026-0001"
    drafter.close()


def test_a_fault_names_language_line_and_field(writer: Writer) -> None:
    with pytest.raises(TemplateError, match=r"kk:3: field 'damage'"):
        writer.drafter.fill({"kk": {"damage": "one\ntwo\n{% if %}"}}, {"kk": {}})


def evil_document() -> object:
    content = {"ru": {"damage": EVIL, "causes": "a\nb"}, "kk": {"damage": EVIL, "causes": "ә"}}
    facts = Facts(number="INC-1", drafted_at=MONDAY)
    return document(kind="regulator", notice_id="n-1", content=content, facts=facts)


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


def test_a_reference_without_spaces_breaks_and_is_copied_as_it_is() -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    reference = "<0e9a8f3c-1111-2222-3333-444455556666@mail.example.kz>"
    table = Table(columns=("a", "b", "c", "d"), rows=((reference, "x " * 60, "y " * 60, "f" * 64),))
    blocks = (Block(heading="h", table=table),)
    report = Report(name="x", title="t", organisation="o", period="2026", made_at="", blocks=blocks)
    pdf = render_report(report, "pdf")
    done = subprocess.run(["pdftotext", "-layout", "-fixed", "4", "-", "-"], input=pdf, capture_output=True, check=True)
    text = done.stdout.decode()
    assert "\u200b" not in text
    assert "<0e9a8f3c-" in text
    assert reference not in text


def test_the_word_file_shows_the_text_as_it_is_and_is_always_the_same() -> None:
    first, second = (render(evil_document(), "docx") for _ in range(2))  # type: ignore[arg-type]
    assert first == second
    paragraphs = [paragraph.text for paragraph in docx.Document(io.BytesIO(first)).paragraphs]
    assert EVIL in paragraphs
    assert "Қабылданған шаралар" not in paragraphs
    assert "Залал" in paragraphs


def test_the_pdf_of_the_same_notice_is_the_same_file() -> None:
    first, second = (render(evil_document(), "pdf") for _ in range(2))  # type: ignore[arg-type]
    assert first == second


def test_a_message_of_data_is_framed_in_the_language_of_the_house() -> None:
    fields = {"event_time": "2026-11-23T05:00:00+00:00", "detection_time": "?", "rules": "iin-change"}
    framed = {}
    for language in ("ru", "kk", "en"):
        facts = Facts(number="INC-1", drafted_at=MONDAY, language=language)
        framed[language] = document(kind="afc", notice_id="n-1", content={"json": fields}, facts=facts).parts[0]
    russian = framed["ru"]
    assert (russian.language, russian.draft_mark) == ("ru", "ПРОЕКТ, НЕ ОТПРАВЛЕНО")
    assert [section.heading for section in russian.sections][:1] == ["Время события (event_time)"]
    assert [section.text for section in russian.sections] == ["23.11.2026 10:00", "?", "iin-change"]
    assert russian.meta[0].heading == "Кому"
    assert len({part.title for part in framed.values()}) == 3


def test_the_hash_is_over_the_content_alone() -> None:
    assert content_hash({"ru": {"a": "1", "b": "2"}}) == content_hash({"ru": {"b": "2", "a": "1"}})
    assert content_hash({"ru": {"a": "1"}}) != content_hash({"ru": {"a": "2"}})


def mail(**changes: str) -> object:
    values = {"sender": "a@b.kz", "recipient": "c@d.kz", "subject": "Уведомление"}
    return message(
        notice_id="n-1", kind="client", text="текст", at=MONDAY, client="c-1",
        attachments=[("a.pdf", "application/pdf", b"%PDF-1.7")], **{**values, **changes},
    )  # fmt: skip


def test_a_mail_carries_its_notice_and_a_stable_id() -> None:
    raw = mail().as_bytes()  # type: ignore[attr-defined]
    assert b"Message-ID: <n-1@b.kz>" in raw
    assert b"X-Qorgau-Client: c-1" in raw
    assert b"application/pdf" in raw


@pytest.mark.parametrize("field", ["sender", "recipient", "subject"])
def test_a_header_cannot_smuggle_another(field: str) -> None:
    with pytest.raises(InputError):
        mail(**{field: "x@y.kz\r\nBcc: evil@z.kz"})


def test_the_pdf_of_an_approved_notice_is_pdf_a_and_its_code_names_the_root_of_the_log() -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    root, digest = f"2811 {'ab' * 32}", "cd" * 32
    facts = Facts(
        number="INC-2026-0001", drafted_at=at, approved_by="bolat", approved_at=at, content_hash=digest, log_root=root,
        draft=False,
    )  # fmt: skip
    made = document(kind="regulator", notice_id="n-1", content={"ru": {"title": "Уведомление"}}, facts=facts)
    assert made.seal == f"qorgau ledger {root} notice sha256 {digest}"
    data = render(made, "pdf")
    assert b"pdfaid:part>2<" in data and b"pdfaid:conformance>B<" in data
    assert data == render(made, "pdf"), "the same document is the same bytes"
    for other in (facts.model_copy(update={"draft": True}), facts.model_copy(update={"log_root": None})):
        assert document(kind="regulator", notice_id="n-1", content={"ru": {"title": "У"}}, facts=other).seal == ""
    assert document(kind="client", notice_id="n-1", content={"ru": {"title": "У"}}, facts=facts).seal == ""
