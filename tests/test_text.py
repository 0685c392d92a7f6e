from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradcam_cli.text import encodable, printable

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Surrogates stand for the bytes of a file's name that are no UTF-8.
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT | st.text("a\x1b\x9b\n\t é‍猫" + BIDI))
@example("\u200d")
@example("é\u200d\u200dé")
def test_what_is_printable_is_one_line_that_no_terminal_obeys(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    kinds = {unicodedata.category(letter) for letter in shown if letter not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not set(shown) & set(BIDI)
    shown.encode()
    assert printable(shown) == shown


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" ")))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "text", ["👩‍💻", "❤️‍🔥", "می\u200cخواهم", "क्\u200dष", "e\u0301té", "naïve 猫"]
)
def test_emoji_and_words_stay_whole(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\tc\x00\x7f", "a\\nb\\r\\tc\\x00\\x7f"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("a\u2028b\u2029\x85", "a\\u2028b\\u2029\\x85"),
        ("\ufeffx\u00ad", "\\ufeffx\\xad"),
        ("a\u200db \u200dé", "a\\u200db \\u200dé"),
        ("b\udcff.jpg", "b\\udcff.jpg"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY_TEXT, st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8", "gb18030"]))
def test_every_encoding_can_have_what_is_encodable(text: str, encoding: str) -> None:
    shown = encodable(text, encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert encodable(shown, encoding) == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "7 × 7…é猫"), ("latin-1", "7 × 7...é\\u732b"), ("ascii", "7 x 7...\\xe9\\u732b")],
)
def test_plainer_characters_come_before_escapes(encoding: str, shown: str) -> None:
    assert encodable("7 × 7…é猫", encoding) == shown
