"""A template that Typst refuses is told from bad data: TemplateBroken, with the place and Typst's own words."""

import socket
from contextlib import closing

import pytest

from app.errors import TemplateBroken
from app.typesetting.typesetter import Typesetter
from tests.typesetting.documents import sample, subscribed_by, with_data
from tests.typesetting.pdfs import text_of


@pytest.fixture
def template(tmp_path):
    def write(text, name="invoice.typ"):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= x\n  #foo", "^invoice.typ:2:3: unknown variable: foo$"),
        ('#read("/etc/passwd")', "^invoice.typ:1:6: file not found"),
        ('#read("../secret")', "^invoice.typ:1:6: .*would escape the project root"),
        ("#panic(1)", "^invoice.typ:1:1: panicked with: 1$"),
        ("x", "missing document title"),
        ('#import "@local/a:1.0.0"', "^invoice.typ:1: packages are not downloaded"),
    ],
    ids=["variable", "absolute", "parent", "panic", "title", "package"],
)
def test_typst_says_what_and_where(template, text, message):
    with pytest.raises(TemplateBroken, match=message):
        Typesetter(template(text)).typeset(sample())


def test_a_folder_without_a_template_is_refused_at_once(tmp_path):
    with pytest.raises(TemplateBroken, match=r"invoice\.typ can't be read"):
        Typesetter(tmp_path)


def test_the_next_document_is_set_after_one_that_was_refused(template):
    folder = template(
        '#set document(title: "x")\n#let invoice = json(bytes(sys.inputs.document)).invoice_data\n'
        '#if invoice.subscriber.name == "no" { panic() }'
    )
    typesetter = Typesetter(folder)
    with pytest.raises(TemplateBroken):
        typesetter.typeset(subscribed_by("no"))
    assert typesetter.typeset(subscribed_by("yes")).warnings == ()


def test_a_package_is_refused_without_a_connection(template, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        proxy.setblocking(False)
        for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        template('\n#import "@preview/example:0.1.0": add\n', "part.typ")
        folder = template('#include "part.typ"')
        with pytest.raises(TemplateBroken, match=r"^part\.typ:2: packages are not downloaded: #import"):
            Typesetter(folder)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_warnings_of_typst_are_passed_on(template):
    made = Typesetter(template('#set document(title: "x")\n#set text(font: "Arial")\nx')).typeset(sample())
    assert made.warnings == ("invoice.typ:2:16: unknown font family: arial",)


def test_a_template_that_looks_for_no_other_font_prints_what_its_font_shows(template):
    folder = template(
        '#set document(title: "x")\n#set text(font: "Noto Sans", fallback: false)\n'
        "#json(bytes(sys.inputs.page)).recipient.name"
    )
    made = Typesetter(folder).typeset(subscribed_by("Li 李"))
    (warning,) = made.warnings
    assert warning.startswith(
        "much text is not shown, as Typst refuses it in the template's fonts: invoice.typ:3:1: PDF/A-3b"
    )
    assert "Li\ufffd" in text_of(made.pdf)


# Typst 0.15.1 slices a string beyond its end when it looks for a font for this.
PANIC = "\ufcf3\u1ce8\u200d"


def test_a_panic_of_typst_is_a_broken_template_and_the_next_document_is_set(template):
    folder = template(
        f'#set document(title: "x")\n#set text(font: "Noto Sans")\n'
        f'#if json(bytes(sys.inputs.document)).invoice_data.subscriber.name == "no" [{PANIC}]'
    )
    typesetter = Typesetter(folder)
    with pytest.raises(TemplateBroken, match=r"^Typst panicked: "):
        typesetter.typeset(subscribed_by("no"))
    assert typesetter.typeset(subscribed_by("yes")).warnings == ()


def test_text_that_typst_panics_at_is_printed_as_far_as_it_is_plain(template, monkeypatch):
    monkeypatch.setattr("app.typesetting.typesetter.printable", str)
    folder = template(
        '#set document(title: "x")\n#set text(font: "Noto Sans")\n#json(bytes(sys.inputs.page)).notes.lines.join()'
    )
    made = Typesetter(folder).typeset(with_data(notes=f"Li\n{PANIC}"))
    assert "as Typst refuses it in the template's fonts: Typst panicked" in made.warnings[-1]
    assert "Li\ufffd\ufffd\ufffd" in text_of(made.pdf)
