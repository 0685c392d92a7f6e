"""The report as a file; tests/reports/test_page_in_chromium.py opens it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gradcam_cli import cli
from gradcam_cli.errors import UsageError
from gradcam_cli.reports import html
from gradcam_cli.reports.html import check_report, page_sizes, write_report
from gradcam_cli.reports.page import thumbnails
from gradcam_cli.results.manifest import FILE, Manifest, Record
from gradcam_cli.results.measures import Measures
from gradcam_cli.text import printable
from tests.results.samples import CAT, TABBY, explained, explanation, predicted

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "x' onfocus='alert(1)' autofocus='",
    "</style><script>alert(1)</script>",
    "--></script><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raise %}",
    "photo\u202egpj.exe",
    "two\nlines\r\0",
    "not\udcffunicode\ud800",
    "&lt;b&gt;&amp;",
    "صورة.jpg",
    "folder/" * 40 + "x" * 200,
)


Run = Callable[..., tuple[int, str, str]]


def silent(_: str) -> None:
    """Take no notes."""


def picture(path: Path, color: object = "teal", size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def record(
    folder: Path, name: str, *explanations: dict[str, Any], source: Path | None = None, **told: Any
) -> Record:
    """Of a source that is there, with one overlay for each explanation."""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    source = source or picture(folder / "sources" / f"{digest}.png")
    told.setdefault("result", explanation(*explanations, notes=[]))
    count = max(1, len(explanations))
    overlays = tuple(f"{source.stem}.{number}.gradcam.jpg" for number in range(count))
    for each in overlays:
        if not (folder / each).exists():
            picture(folder / each, "orange")
    told = {
        "path": str(source.absolute()),
        "stamp": (source.stat().st_size, 0),
        "overlays": overlays,
        "sizes": (1,) * count,
        "sha256": ("0" * 64,) * count,
        **told,
    }
    return Record(name, settings="", **told)


def measured(**fields: Any) -> Measures:
    """What a check has measured of a class that is right."""
    return Measures(
        **{"category": "", "where": "", "top1": True, "top5": True, "empty": False, **fields}
    )


def failure(name: str, error: str) -> Record:
    return Record(name, f"/nowhere/{name}", None, "", error=error)


def reported(folder: Path, *told: Record, file: str = "report.html") -> Page:
    """The first page of the report on these records, which replace what the manifest had."""
    recorded(folder, *told)
    path, *_ = write_report(Manifest(folder), folder / file, silent)
    return Page(path)


def recorded(folder: Path, *told: Record) -> None:
    folder.mkdir(exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    with Manifest(folder).writer() as writer:
        for each in told:
            writer.add(each)


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text in each."""

    EMPTY = ("meta", "link", "img", "input", "rect", "line")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[list[str]] = []
        self._open: list[int] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)
        if tag not in self.EMPTY:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for each in self._open:
            self.texts[each].append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of the elements of `tag` that have the `wanted` ones."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    def text(self, tag: str, **wanted: str) -> list[str]:
        """The texts in the elements of `tag` that have the `wanted` attributes."""
        return [
            "".join(text)
            for (name, attributes), text in zip(self.elements, self.texts, strict=True)
            if name == tag and wanted.items() <= attributes.items()
        ]

    def names(self) -> list[str]:
        """The names on the cards."""
        return ["".join(each) for each in self.text("h3", **{"class": "name"})]

    def views(self) -> list[dict[str, str]]:
        """The attributes of each explained class and method."""
        return self.all("p", **{"class": "explained", "data-method": "grad-cam"})

    def tags(self) -> Counter[str]:
        """How many elements there are of each kind."""
        return Counter(tag for tag, _ in self.elements)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_card_for_each_source_with_all_its_classes(out: Path) -> None:
    both = (explained(CAT, border=0.5), explained(TABBY, border=None, evidence="none"))
    page = reported(out, record(out, "a/one.png", *both), failure("two.png", "it is empty."))
    assert page.names() == ["a/one.png"]
    first, second = page.views()
    assert (first["data-explained"], first["data-predicted"]) == ("Egyptian_cat (285)",) * 2
    assert (first["data-probability"], first["data-border"]) == ("0.75", "0.5")
    assert (second["data-explained"], "data-border" in second) == ("tabby (281)", False)
    assert (first["data-evidence"], second["data-evidence"]) == ("positive", "none")
    cat, tabby = page.text("p", **{"class": "explained", "data-method": "grad-cam"})
    assert "75.0 %, rank 1; 50.0 % of the evidence near the border" in cat
    assert tabby == "tabby (281)12.5 %, rank 2"  # the second part is a block of its own
    assert page.all("p", **{"class": "mark"}) == [{"class": "mark", "data-view": "1", "hidden": ""}]
    overlays = page.all("img", **{"class": "overlay"})
    assert [(each["data-view"], "hidden" in each) for each in overlays] == [
        ("0", False),
        ("1", True),
    ]
    assert page.text("select", **{"class": "views"}) == ["Egyptian_cat (285)tabby (281)"]
    assert page.text("ol")[0].startswith("Egyptian_cat (285) 75.0 %tabby (281) 12.5 %")
    assert [each["class"] for each in page.all("li")[:2]] == ["p15 this", "p2"]
    assert page.text("tr")[-1] == "two.pngit is empty."
    assert "1 source explained" in page.source
    assert "efficientnet-lite0 at top_activation, grad-cam of the logit" in page.source


def test_a_folder_that_all_are_in_is_told_once(out: Path) -> None:
    page = reported(out, *(record(out, f"photos/2025/{name}.png") for name in ("a/x", "b/y")))
    assert page.text("bdi", id="prefix") == ["photos/2025/"]
    assert page.names() == ["a/x.png", "b/y.png"]
    assert page.text("article")[0].count("photos/2025/") == 0
    assert page.source.count("photos/2025/") == 1
    (alone,) = reported(out, record(out, "photos/2025/x.png")).names()
    assert alone == "photos/2025/x.png"


@pytest.mark.parametrize(
    "names",
    [("/a/x.png", "/b/x.png"), ("https://a.org/x.png", "https://b.org/x.png"), ("ab/x", "ac/x")],
)
def test_no_folder_is_made_of_roots_and_schemes(out: Path, names: tuple[str, str]) -> None:
    page = reported(out, *(record(out, name) for name in names))
    assert page.names() == list(names)
    assert page.text("bdi", id="prefix") == [""]


def test_full_size_pictures_are_linked_relatively(out: Path) -> None:
    odd = "it's #1 100%.png"
    page = reported(out, record(out, "one", source=picture(out.parent / "in" / odd)))
    (card,), (view,) = page.all("article"), page.views()
    assert card["data-original"] == "./../in/it%27s%20%231%20100%25.png"
    assert view["data-link"] == "./it%27s%20%231%20100%25.0.gradcam.jpg"
    assert "data-missing" not in view
    assert "data-original-missing" not in card


def test_what_is_missing_is_not_linked(out: Path) -> None:
    page = reported(out, record(out, "https://a.org/b.jpg", path="", overlays=("gone.jpg",)))
    (card,), (view,) = page.all("article"), page.views()
    assert card["data-original-missing"] == "it is a URL, which is not fetched"
    assert view["data-missing"] == "the file is missing"
    assert "data-original" not in card
    assert "data-link" not in view


def test_links_are_right_from_a_folder_behind_a_link(out: Path) -> None:
    deep = out.parent / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "out").symlink_to(out)
    source = picture(out.parent / "in.png")
    recorded(out, record(out, "one", source=source))
    (page,) = write_report(Manifest(deep / "out"), deep / "out" / "report.html", silent)
    assert Page(page).all("article")[0]["data-original"] == "./../in.png"
    assert Page(page).views()[0]["data-link"] == "./in.0.gradcam.jpg"


def test_the_page_is_accessible(out: Path) -> None:
    page = reported(out, record(out, "one.png"), failure("two.png", "it is empty."))
    assert page.all("html") == [{"lang": "en"}]
    assert page.text("title") == ["Grad-CAM report"]
    assert {"header", "main", "footer", "section"} <= page.tags().keys()
    pictures = [each for each in page.all("img") if "src" in each]
    assert [each["alt"] for each in pictures] == [
        "one.png",
        "one.png with the heat for Egyptian_cat (285)",
    ]
    assert all({"width", "height"} <= each.keys() for each in pictures)
    (histogram,) = page.all("svg")
    assert histogram["aria-label"] == "Histogram: 70 to 80 %: 1"
    identifiers = [each["id"] for _, each in page.elements if "id" in each]
    assert len(identifiers) == len(set(identifiers))
    for _, each in page.elements:
        assert each.get("aria-labelledby", identifiers[0]) in identifiers
        assert each.get("tabindex", "0") in ("0", "-1")


def test_the_policy_names_the_very_style_and_script(out: Path) -> None:
    page = reported(out, record(out, "one.png"), failure("two.png", "no"))
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (*page.text("style"), *page.text("script"))
    ]
    assert policy["content"] == (
        f"default-src 'none'; img-src data: 'self' file:; style-src {hashes[0]}; "
        f"script-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    )
    assert len(hashes) == 2
    before_policy = page.source[: page.source.index("Content-Security-Policy")]
    assert "<style" not in before_policy
    assert "<script" not in before_policy


def test_nothing_is_loaded_from_elsewhere(out: Path) -> None:
    page = reported(out, record(out, "one.png"), failure("two.png", "no"))
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith(("#", "data:", "./"))
        assert tag not in ("iframe", "object", "embed", "base", "use")
    for text in (*page.text("style"), *page.text("script")):
        assert not re.search(r"url\(|@import|fetch|innerHTML|eval|https?:", text)


def plain(folder: Path) -> Counter[str]:
    """The elements of a page with one card and one failure."""
    return reported(
        folder, record(folder, "a", explained(CAT)), failure("b", "c"), file="plain.html"
    ).tags()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(out: Path, name: str) -> None:
    check_it_stays_text(out, name)


@given(st.text(st.characters(codec=None) | st.sampled_from("<>\"'&/{}%;:\0\udcff"), min_size=1))
@settings(max_examples=40, deadline=None)
def test_any_name_stays_text(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_it_stays_text(Path(folder), name)


def check_it_stays_text(folder: Path, name: str) -> None:
    target = predicted(name, 7, 0.5)
    told = explanation(explained(target), predictions=[target, CAT])
    page = reported(
        folder, record(folder, name, result=told), failure(f"{name}2", f"could not read {name}")
    )
    assert page.tags() == plain(folder)
    assert page.names() == [printable(name)]
    (view,) = page.views()
    assert view["data-explained"] == view["data-predicted"] == f"{printable(name)} (7)"
    assert page.all("img")[0]["alt"] == printable(name)
    assert page.text("th", scope="row")[-1] == f"{printable(name)}2"
    assert page.text("td")[-1] == f"could not read {printable(name)}"


def test_names_without_end_are_cut(out: Path) -> None:
    page = reported(out, record(out, "x" * 5_000), failure("y", "z" * 5_000))
    assert page.names() == ["x" * 1_000 + "…"]
    assert page.text("td")[-1] == "z" * 1_000 + "…"


def test_two_runs_give_equal_bytes_and_no_path_of_the_machine(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(out, *(record(out, f"{n}.png") for n in range(9)), failure("f", "no"))
    write_report(Manifest(out), out / "report.html", silent)
    first = (out / "report.html").read_bytes()
    monkeypatch.chdir(out.parent)
    write_report(Manifest(Path("out")), Path("out/report.html"), silent)
    assert (out / "report.html").read_bytes() == first
    assert str(out.parent).encode() not in first


def decoded(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def thumbnail_of(folder: Path, source: Path) -> Image.Image:
    page = reported(folder, record(folder, "one", source=source))
    attributes = page.all("img", **{"class": "source"})[0]
    shown = decoded(attributes["src"])
    assert (str(shown.width), str(shown.height)) == (attributes["width"], attributes["height"])
    return shown


def test_thumbnails_are_small_and_upright(out: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "a maker"
    large = Image.new("RGB", (1600, 800), "red")
    large.paste("blue", (0, 0, 800, 800))
    large.save(out / "turned.jpg", exif=exif, comment=b"a comment", icc_profile=b"a profile" * 99)
    shown = thumbnail_of(out, out / "turned.jpg")
    assert shown.size == (128, 256)
    assert close_to(shown.getpixel((64, 20)), (0, 0, 255))
    assert close_to(shown.getpixel((64, 230)), (255, 0, 0))
    assert shown.info.keys() <= {"loop", "background", "timestamp", "duration"}


@pytest.mark.parametrize(("size", "apart"), [((300, 600), False), ((600, 300), True)])
def test_overlays_of_another_size_than_the_upright_picture_are_apart(
    out: Path, size: tuple[int, int], apart: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    out.mkdir(exist_ok=True)
    Image.new("RGB", (600, 300)).save(out / "turned.jpg", exif=exif)
    told = record(out, "turned.jpg", explained(CAT), source=out / "turned.jpg")
    picture(out / told.overlays[0], "orange", size)
    recorded(out, told)
    write_report(Manifest(out), out / "report.html", silent)
    shown = [each for tag, each in Page(out / "report.html").elements if tag == "img"]
    assert any("apart" in each.get("class", "").split() for each in shown) == apart
    assert ("data-apart" in (out / "report.html").read_text("utf-8")) == apart


@pytest.mark.parametrize(
    ("mode", "color", "shown"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("L", 90, (90, 90, 90)),
        ("I;16", 0x8000, (128, 128, 128)),
        ("P", 0, (0, 0, 0)),
    ],
)
def test_thumbnails_are_flattened_as_the_model_saw_them(
    out: Path, mode: str, color: Any, shown: tuple[int, int, int]
) -> None:
    Image.new(mode, (300, 300), color).save(out / "flat.png")
    assert close_to(thumbnail_of(out, out / "flat.png").getpixel((9, 9)), shown)


def test_a_jpeg_of_inks_is_shown(out: Path) -> None:
    Image.new("CMYK", (300, 300), (0, 255, 255, 0)).save(out / "inks.jpg")
    assert close_to(thumbnail_of(out, out / "inks.jpg").getpixel((9, 9)), (255, 0, 0))


def close_to(got: Any, wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(got, wanted)).max() <= 6)


def test_a_full_page_stays_under_220_mb_whatever_the_pictures(out: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    worst = noise[:256, :256]
    for name, pixels in (("noise.png", noise), ("worst.png", worst)):
        Image.fromarray(pixels).save(out / name)
        shown = thumbnail_of(out, out / name)
        assert shown.size == (256, 256)
        page = (out / "report.html").stat().st_size
        assert len(Page(out / "report.html").all("img")[0]["src"]) < 1.34 * thumbnails.MOST_BYTES
        assert page < 60_000
    card = 2 * 1.34 * thumbnails.MOST_BYTES + 3_000
    assert card * html.OVERLAYS < 220e6


GONE = "Source not shown: the file is gone."
CHANGED = "Source not shown: the file has changed since."
OUT = "Overlay not shown: its recorded path leads out of the folder."
MISSING = "Overlay not shown: the file is missing."
UNREADABLE = "Overlay not shown: the file cannot be read as a picture."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"path": "/nowhere/one.png"}, GONE),
        ({"path": "sources/one.png"}, GONE),
        ({"path": "/dev/zero"}, GONE),
        ({"path": "/dev/stdin"}, GONE),
        ({"path": "/"}, GONE),
        ({"path": "/a\0b"}, GONE),
        ({"path": "/" + "x" * 5000}, GONE),
        ({"stamp": (1, 0)}, CHANGED),
        ({"stamp": None}, CHANGED),
        ({"path": "", "stamp": None}, "Source not shown: it is a URL, which is not fetched."),
        ({"overlays": ("",)}, MISSING),
        ({"overlays": ("no.jpg",)}, MISSING),
        ({"overlays": ("a\0b",)}, MISSING),
        ({"overlays": ("x" * 5000,)}, MISSING),
        ({"overlays": ("circle.jpg",)}, MISSING),
        ({"overlays": (".",)}, MISSING),
        ({"overlays": (FILE,)}, UNREADABLE),
        ({"overlays": ("cut.jpg",)}, UNREADABLE),
        ({"overlays": ("../secret.jpg",)}, OUT),
        ({"overlays": ("sources/../a.jpg",)}, OUT),
        ({"overlays": ("link.jpg",)}, OUT),
        ({"overlays": ("{secret}",)}, OUT),
    ],
)
def test_a_picture_that_cannot_be_shown_is_told(out: Path, told: dict[str, Any], said: str) -> None:
    secret = picture(out.parent / "secret.jpg", "red").absolute()
    (out / "link.jpg").symlink_to(secret)
    (out / "circle.jpg").symlink_to(out / "circle.jpg")
    whole = picture(out / "cut.jpg", size=(300, 300)).read_bytes()
    (out / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    if told.get("overlays") == ("{secret}",):
        told = {"overlays": (str(secret),)}
    page = reported(out, record(out, "one.png", **told))
    assert page.text("p", **{"class": "missing"}) == [said]
    (left,) = (each for each in page.all("img") if "src" in each)
    assert left["class"] == ("overlay" if said.startswith("Source") else "source")
    assert page.all("div", **{"class": "pictures"})  # and nothing to fade between


def test_what_is_missing_is_noted_once(out: Path) -> None:
    recorded(out, *(record(out, f"{n}.png", overlays=("gone.jpg",)) for n in range(3)))
    notes: list[str] = []
    write_report(Manifest(out), out / "report.html", notes.append)
    assert notes == ["of 3 sources 0 lack their picture, and of 3 overlays 3; the report says why."]


def test_a_url_is_shown_without_what_is_secret_in_it(out: Path) -> None:
    page = reported(
        out,
        record(out, "https://me:pass@example.org/a.jpg?token=1", path="", stamp=None),
        failure("http://me:pass@example.org/b.jpg?token=1", "404"),
    )
    assert page.names() == ["https://***@example.org/a.jpg"]
    assert "http://***@example.org/b.jpg" in page.source
    assert "pass" not in page.text("body")[0].replace("password", "")
    assert "token" not in page.source


def test_a_line_that_is_no_record_is_passed_over_and_told(gradcam: Run, out: Path) -> None:
    recorded(out, record(out, "good.png"))
    with (out / FILE).open("ab") as file:
        file.write(b'{"schema": 1, "source": ["list"]}\n' + b"[" * 100_000 + b"\n")
    code, _, err = gradcam("report", out)
    assert code == 0
    assert f"2 lines are damaged in {out / FILE}" in err
    assert err.count("\n") == 1
    assert Page(out / "report.html").names() == ["good.png"]


def pages_of(folder: Path, told: list[Record]) -> list[Page]:
    recorded(folder, *told)
    return [Page(path) for path in write_report(Manifest(folder), folder / "report.html", silent)]


@pytest.fixture
def three_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "OVERLAYS", 3)


@pytest.mark.usefixtures("three_a_page")
def test_many_cards_make_several_pages(out: Path) -> None:
    both = (explained(CAT), explained(TABBY))
    told = [record(out, f"{n}.png", *both[: 1 if n == 2 else 2]) for n in range(4)]
    told += [failure(f"f{n}", "no") for n in range(4)]
    first, second, third = pages_of(out, told)
    assert [page.names() for page in (first, second, third)] == [
        ["0.png"],
        ["1.png", "2.png"],
        ["3.png"],
    ]
    assert [card["aria-labelledby"] for card in third.all("article")] == ["card-4"]
    assert [page.text("title")[0] for page in (first, third)] == [
        "Grad-CAM report, page 1 of 3",
        "Grad-CAM report, page 3 of 3",
    ]
    links = [
        [(a["rel"], a["href"]) for a in page.all("a") if "rel" in a] for page in (first, second)
    ]
    assert links[0] == [("next", "./report-2.html")] * 2
    assert links[1] == [("prev", "./report.html"), ("next", "./report-3.html")] * 2
    assert [len(page.text("tr")) for page in (first, second)] == [11 + 4, 11 + 2]
    assert third.all("a", href="./report.html#failures")
    for page in (first, second, third):
        assert "Sorting and filtering are within this page." in page.source
        assert "4 sources explained,\n7 overlays" in page.source
        assert "Histogram: 10 to 20 %: 3, 70 to 80 %: 4" in page.source


@pytest.mark.parametrize(
    ("overlays", "sizes"),
    [([], []), ([1] * 7, [3, 3, 1]), ([9, 1, 2, 1, 4], [1, 2, 1, 1]), ([3, 3], [1, 1])],
)
def test_a_card_is_not_split_between_pages(overlays: list[int], sizes: list[int]) -> None:
    assert page_sizes(overlays, 3) == sizes


@pytest.mark.usefixtures("three_a_page")
def test_failures_alone_make_pages(out: Path) -> None:
    first, second = pages_of(out, [failure(f"f{n}", "no") for n in range(4)])
    assert first.text("th", scope="row") == ["f0", "f1", "f2"]
    assert second.text("th", scope="row") == ["f3"]
    assert not first.all("article")
    assert not first.all("a", href="#pictures")


@pytest.mark.usefixtures("three_a_page")
def test_pages_of_a_longer_report_go_and_no_others(out: Path) -> None:
    long = [record(out, f"{n}.png") for n in range(10)]
    pages_of(out, long)
    (out / "report-5.html").write_text("mine")
    (out / "report-06.html").write_bytes((out / "report-3.html").read_bytes())
    write_report(Manifest(out), out / "report-2024.html", silent)
    kept = {"report-5.html", "report-06.html", *(each.name for each in out.glob("report-2024*"))}
    pages_of(out, long[:4])
    assert {each.name for each in out.glob("*.html")} == kept | {"report.html", "report-2.html"}


@pytest.mark.usefixtures("three_a_page")
def test_another_report_is_not_taken_for_a_page(out: Path) -> None:
    recorded(out, *(record(out, f"{n}.png") for n in range(4)))
    write_report(Manifest(out), out / "report-2.html", silent)
    kept = (out / "report-2.html").read_bytes()
    with pytest.raises(UsageError, match=r"report-2\.html: it is no page of this report"):
        write_report(Manifest(out), out / "report.html", silent)
    assert (out / "report-2.html").read_bytes() == kept
    assert not (out / "report.html").exists()


@pytest.mark.usefixtures("three_a_page")
@pytest.mark.parametrize("name", ["a:b&\"'<c> %41#?.html", "bad\udcff.html", "javascript:x.html"])
def test_pages_with_odd_names_find_each_other(out: Path, name: str) -> None:
    recorded(out, *(record(out, f"{n}.png") for n in range(4)))
    for _ in range(2):  # the second time, over the first
        first, second = write_report(Manifest(out), out / name, silent)
    page = Page(first)
    assert {a["href"][:2] for a in page.all("a") if "rel" in a} == {"./"}
    assert Page(second).names() == ["3.png"]


def test_a_page_appears_whole_or_not_at_all(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reported(out, record(out, "old.png")).source
    recorded(out, *(record(out, f"{n}.png") for n in range(30)))
    whole = html.overlay_thumbnail
    calls = iter(range(100))

    def breaks(*given: Any) -> Any:
        if next(calls) > 20:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(html, "overlay_thumbnail", breaks)
    with pytest.raises(KeyboardInterrupt):
        write_report(Manifest(out), out / "report.html", silent)
    assert (out / "report.html").read_text(encoding="utf-8") == before
    assert not list(out.glob(".*.gradcam-tmp"))


@pytest.fixture
def gradcam(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; no model is needed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return run


def test_the_command(gradcam: Run, out: Path) -> None:
    recorded(out, record(out, "one.png"))
    assert gradcam("report", out) == (0, f"{out / 'report.html'}\n", "")
    assert gradcam("report", out, "-o", out / "b.HTML") == (0, f"{out / 'b.HTML'}\n", "")
    assert Page(out / "b.HTML").elements[5:] == Page(out / "report.html").elements[5:]
    recorded(out, record(out, "one.png", overlays=("gone.jpg",)))
    assert "of 1 sources" in gradcam("report", out)[2]
    assert gradcam("report", out, "--quiet") == (0, f"{out / 'report.html'}\n", "")


@pytest.mark.parametrize(
    ("lines", "output", "said"),
    [
        (None, "report.html", "there is no gradcam.jsonl in"),
        ("", "report.html", "is empty"),
        ('{"schema": 1, "source"', "report.html", "is empty"),
        ('{"schema": 1}\n', "report.html", "is empty"),
        ("good", "report.htm", "does not end in .html"),
        ("good", "sources/one.png", "does not end in .html"),
        ("good", "source.html", "it is a source image"),
        ("good", "no/report.html", "there is no folder"),
        ("good", "folder.html", "not a regular file"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    gradcam: Run, out: Path, lines: str | None, output: str, said: str
) -> None:
    source = picture(out / "sources" / "one.png")
    (out / "source.html").symlink_to(source)
    (out / "folder.html").mkdir()
    if lines == "good":
        recorded(out, record(out, "one.png", source=source))
    elif lines is not None:
        (out / FILE).write_text(lines)
    before = source.read_bytes()
    code, printed, err = gradcam("report", out, "-o", out / output)
    assert (code, printed) == (2, "")
    assert err.count("\n") == 1 + ("damaged" in err)
    assert said in err
    assert source.read_bytes() == before
    assert not list(out.glob("**/*.gradcam-tmp"))


def test_a_folder_that_is_not_there(gradcam: Run, out: Path) -> None:
    code, _, err = gradcam("report", out / "no", "-o", out / "report.html")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no folder" in err
    assert gradcam("report", out / "no")[0] == 2


def test_a_source_that_failed_is_not_replaced_either(out: Path) -> None:
    source = out / "broken.html"
    source.write_text("broken")
    recorded(out, Record("broken.html", str(source), None, "", error="it is no image."))
    with pytest.raises(UsageError, match="it is a source image"):
        write_report(Manifest(out), source, silent)


def test_the_place_can_be_checked_before_a_run(out: Path) -> None:
    check_report(out / "new.html")
    with pytest.raises(UsageError, match="does not end"):
        check_report(out / "new.txt")


def test_the_help_loads_nothing_heavy() -> None:
    heavy = ("tensorflow", "openvino", "cv2", "PIL", "numpy", "jinja2", "rich", "requests")
    probe = (
        "import sys; from gradcam_cli import cli; cli.run(['report', '--help']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "gradcam report out/" in done.stdout


# Of a check


def test_many_classes_have_a_list_of_confusions(tmp_path: Path) -> None:
    told = []
    for at in range(25):
        own, other = predicted(f"class{at}", at, 0.2, 2), predicted(f"other{at}", 100 + at, 0.8)
        told.append(
            record(
                tmp_path,
                f"{at:02}.png",
                result=explanation(explained(own), predictions=[other, own]),
                measures=(measured(top1=False, heat=bytes(range(64)), lift=1.0),),
            )
        )
    page = reported(tmp_path, *told)
    buttons = [each for each in page.all("button") if "confusion" in each.get("class", "")]
    assert len(buttons) == 25
    assert buttons[0]["data-explained"] == "class0 (0)"
    assert buttons[0]["data-predicted"] == "other0 (100)"


def test_what_was_only_explained_is_not_on_the_page_of_a_check(tmp_path: Path) -> None:
    told = (
        record(tmp_path, "checked.png", explained(CAT), measures=(measured(),)),
        record(tmp_path, "explained.png", explained(CAT)),
    )
    assert reported(tmp_path, *told).names() == ["checked.png"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_on_the_page_of_a_check_are_text(tmp_path: Path, name: str) -> None:
    cat = predicted(name, 285, 0.9)
    told = [
        record(
            tmp_path,
            f"{at}{name}",
            result=explanation(explained(cat), predictions=[cat]),
            measures=(measured(category=name, where=name, top1=bool(at), heat=bytes([9] * 64)),),
        )
        for at in range(2)
    ]
    text = Path(write_check_page(tmp_path, *told)).read_text("utf-8")
    assert "<script>alert" not in text
    assert "onerror=alert(1)>" not in text
    assert not re.search("[\u202e\0\ud800-\udfff]", text)


def write_check_page(folder: Path, *told: Record) -> Path:
    recorded(folder, *told)
    (path,) = write_report(Manifest(folder), folder / "check.html", silent)
    return path
