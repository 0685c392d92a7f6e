"""The report's full-size pictures, its cards of several classes, its exports and its legend."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gradcam_cli.reports.html import write_report
from gradcam_cli.results.evaluations import Evaluation
from gradcam_cli.results.manifest import Manifest
from gradcam_cli.results.trust import Trust
from tests.reports.chromium import Browser
from tests.reports.test_html import failure, measured, picture, record, recorded, silent
from tests.results.samples import CAT, TABBY, explained, explanation, predicted

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sources in a folder: one of two classes and methods, a URL, one without overlay."""
    out = tmp_path_factory.mktemp("several") / "out"
    maps = [
        explained(CAT, border=0.1),
        explained(CAT, border=0.6, method="hirescam"),
        explained(TABBY, border=0.3, evidence="none"),
        explained(TABBY, border=0.2, method="hirescam"),
    ]
    photo = picture(out.parent / "photos" / "a #1.png", size=(900, 600))
    cat = record(out, "set/a #1.png", *maps, source=photo)
    for each in cat.overlays:
        picture(out / each, "orange", (900, 600))
    formula = explained(predicted("=SUM(1)", 7, 0.5), border=0.4)
    recorded(
        out,
        cat,
        record(out, 'set/b, "b".png', result=explanation(formula, notes=[])),
        record(out, "set/c.png", explained(CAT, border=None), path="", stamp=None),
        record(out, "set/d.png", explained(CAT, border=0.5), overlays=("gone.jpg",)),
        failure("broken.png", "could not read broken.png: it is empty."),
    )
    write_report(Manifest(out), out / "report.html", silent)
    return out / "report.html"


@pytest.fixture
def page(browser: Browser, several: Path) -> Browser:
    """That report, open on a desktop."""
    browser.open(several)
    return browser


def until(holds: Callable[[], Any]) -> Any:
    """What is true in the end."""
    last = time.monotonic() + 10
    while not (value := holds()) and time.monotonic() < last:
        time.sleep(0.02)
    return value


def viewed(page: Browser) -> str:
    """The name in the open dialog; empty where none is open."""
    return page.run(
        """const dialog = document.querySelector("#viewer");
        return dialog.open ? document.querySelector("#viewer-name").textContent : "" """
    )


def widths(page: Browser) -> list[int]:
    """The widths in pixels of the pictures that the dialog shows: of the original, the overlay."""
    return page.run(
        """return ["#viewer-original", "#viewer-overlay"].map((id) => {
            const image = document.querySelector(id);
            return image.checkVisibility() && image.complete ? image.naturalWidth : 0;
        })"""
    )


def cut(page: Browser) -> float:
    """Up to which share of the width the overlay is cut away."""
    shape = page.run("return getComputedStyle(document.querySelector('#viewer-overlay')).clipPath")
    return float(shape.split()[-1].rstrip("%)")) / 100


# The full-size picture


@pytest.mark.parametrize("opens", ["click", "button", "enter"])
def test_a_card_opens_its_files_in_full_size(page: Browser, opens: str) -> None:
    if opens == "enter":
        page.press("j", ENTER)
    else:
        page.first(".card .overlay" if opens == "click" else ".card .open").click()
    assert viewed(page) == "a #1.png"
    assert until(lambda: widths(page) == [900, 900])
    assert page.first("#viewer-notes").text == ""
    sources = page.run("return [...document.querySelectorAll('#stage img')].map((e) => e.src)")
    assert all(each.startswith("file:") for each in sources)
    assert page.first("#viewer-place").text == "1 of 4"
    ratio = page.run("const s = stage.getBoundingClientRect(); return s.width / s.height")
    assert ratio == pytest.approx(1.5, abs=0.01)


def test_the_slider_moves_by_pointer_and_keys(page: Browser) -> None:
    page.press("j", ENTER)
    assert cut(page) == pytest.approx(0.5)
    page.press(UP, UP)
    assert cut(page) == pytest.approx(0.6)
    page.press(DOWN, DOWN, DOWN)
    assert cut(page) == pytest.approx(0.45)
    box = page.first("#wipe").rect
    from selenium.webdriver.common.action_chains import ActionChains

    slider = page.first("#wipe")
    ActionChains(page.driver).move_to_element_with_offset(
        slider, int(box["width"] * 0.3), 0
    ).click().perform()
    assert cut(page) == pytest.approx(0.8, abs=0.03)
    page.press(RIGHT)
    assert viewed(page) == 'b, "b".png'
    assert cut(page) == pytest.approx(0.8, abs=0.03)  # it stays from one picture to the next
    page.press("f")
    assert not page.first("#viewer-overlay").is_displayed()
    page.press("f")
    assert page.first("#viewer-overlay").is_displayed()


def test_a_figure_is_shown_alone_and_whole(page: Browser, tmp_path: Path) -> None:
    out = tmp_path / "out"
    photo = picture(tmp_path / "photo.png", "red", (900, 600))
    maps = [explained(CAT), explained(CAT, method="hirescam")]
    both = record(out, "photo.png", *maps, source=photo)
    picture(out / both.overlays[0], "lime", (1050, 700))  # a figure: of the photo's shape, larger
    picture(out / both.overlays[1], "blue", (900, 600))
    recorded(out, both)
    write_report(Manifest(out), out / "report.html", silent)
    page.open(out / "report.html")
    page.point_at(".card .name")
    figure, blend = (f".card .overlay[data-view='{number}']" for number in (0, 1))
    assert page.opacity(0) == 1
    visibility = "return getComputedStyle(document.querySelector('.card .source')).visibility"
    assert page.run(visibility) == "hidden"
    page.first(figure).click()
    assert until(lambda: widths(page) == [0, 1050])
    assert not page.first("#stage .handle").is_displayed()
    assert page.first("#viewer-notes").text == ""
    shape = "return getComputedStyle(document.querySelector('#viewer-overlay')).clipPath"
    assert page.run(shape) == "none"
    assert page.accessibility_faults() == []
    page.press("v")
    assert until(lambda: widths(page) == [900, 900])
    assert page.first("#stage .handle").is_displayed()
    page.press(ESCAPE)
    assert page.first(blend).is_displayed()
    assert page.run(visibility) == "visible"


def test_arrows_go_through_what_is_shown_and_round(page: Browser) -> None:
    page.choose("#sort", "border")
    assert page.shown() == ["a #1.png", "d.png", 'b, "b".png', "c.png"]
    page.type("#probability-least", "60")
    page.run("document.activeElement.blur()")
    page.press("j", ENTER)
    names = []
    for key in (RIGHT, "j", RIGHT, LEFT, "k"):
        page.press(key)
        names.append(viewed(page))
    assert names == ["d.png", "c.png", "a #1.png", "c.png", "d.png"]
    page.first("#viewer-next").click()
    assert viewed(page) == "c.png"


def test_focus_stays_in_the_dialog_and_comes_back_to_the_card(page: Browser) -> None:
    page.press("j", ENTER)
    inside = "return document.activeElement.closest('#viewer') !== null"
    assert page.focused() == "viewer-close"
    for _ in range(9):
        page.press(TAB)
        assert page.run(f"{inside} || document.activeElement === document.body")
    page.run("document.querySelector('#viewer-next').focus()")
    page.press(RIGHT, ESCAPE)
    assert viewed(page) == ""
    assert page.focused() == 'b, "b".png'
    page.press(ENTER)
    page.first("#viewer-close").click()
    assert page.focused() == 'b, "b".png'


def test_what_is_missing_is_said(page: Browser) -> None:
    page.press("j", ENTER, RIGHT, RIGHT)
    assert viewed(page) == "c.png"
    assert page.first("#viewer-notes").text == (
        "The original is not shown: it is a URL, which is not fetched."
    )
    assert until(lambda: widths(page) == [0, 40])
    assert not page.first("#wipe").is_displayed()
    assert (
        page.run("return getComputedStyle(document.querySelector('#viewer-overlay')).clipPath")
        == "none"
    )
    page.press(RIGHT)
    assert page.first("#viewer-notes").text == "The overlay is not shown: the file is missing."
    assert until(lambda: widths(page) == [40, 0])


def test_a_page_without_its_files_shows_the_small_pictures(
    browser: Browser, several: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "sent" / "by" / "mail.html"
    alone.parent.mkdir(parents=True)
    alone.write_bytes(several.read_bytes())
    browser.open(alone)
    browser.press("j", ENTER)
    notes = [
        "The original cannot be opened here: ../photos/a #1.png",
        "The overlay cannot be opened here: a #1.0.gradcam.jpg",
    ]
    assert until(lambda: sorted(browser.first("#viewer-notes").text.split("\n")) == sorted(notes))
    assert until(lambda: widths(browser) == [256, 256])
    assert all("ERR_FILE_NOT_FOUND" in each for each in browser.complaints())


# Several classes and methods on a card


def test_a_card_shows_one_of_its_maps(page: Browser) -> None:
    card = page.first(".card")
    assert len(card.find_elements("css selector", "option")) == 4
    page.choose(".views", "2")
    assert "tabby (281)" in page.first(".card .explained:not([hidden])").text
    visible = """return [...document.querySelectorAll(".card:first-child [data-view]")]
        .filter((part) => part.checkVisibility()).map((part) => part.className)"""
    assert page.run(visible) == ["overlay", "mark", "explained"]
    assert page.first(".card .this").text.startswith("tabby (281)")
    page.run("document.activeElement.blur()")
    page.press("j", "v")
    assert "tabby (281), hirescam" in page.first(".card").text
    page.press("v")
    assert page.first(".card .this").text.startswith("Egyptian_cat (285)")
    page.press(ENTER, "v")
    assert "hirescam" in page.first("#viewer-told").text
    page.choose("#viewer-views", "3")
    page.press(ESCAPE)
    assert "tabby (281), hirescam" in page.first(".card").text


def test_filters_and_sorting_choose_the_map(page: Browser) -> None:
    page.choose("#sort", "border")
    assert "60.0 % of the evidence" in page.first(".card").text
    page.choose("#explained", "tabby (281)")
    assert page.shown() == ["a #1.png"]
    assert "30.0 % of the evidence" in page.first(".card:not([hidden])").text
    page.choose("#method", "hirescam")
    assert "20.0 % of the evidence" in page.first(".card:not([hidden])").text
    page.choose("#explained", "")
    page.choose("#method", "")
    page.choose("#sort", "evidence")
    assert page.shown()[0] == "a #1.png"
    assert "no evidence" in page.first(".card").text
    page.first("#reverse").click()
    page.choose("#sort", "border")
    assert "10.0 % of the evidence" in page.first(".card").text


def test_cards_are_sorted_by_what_commands_measure(browser: Browser, tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    for number, (deletion, better) in enumerate([(0.2, 19), (0.9, 3), (0.5, 11)]):
        trust = Trust(
            verdict="trust" if better == 19 else "doubt", why=("so",), deletion=0.1,
            insertion=0.9, random_deletion=0.5, random_insertion=0.5, better_than_random=better,
        )  # fmt: skip
        made = explanation(explained(CAT, border=0.1 * number), notes=[])
        made = made.with_targets([replace(made.targets[0], trust=trust)])
        told.append(
            record(
                out, f"{number}.png", result=made,
                measures=(measured(lift=[2.0, 1.0, 0.5][number], object_drop=0.1 * number),),
                evaluations=(Evaluation(values={"deletion": deletion, "insertion": deletion}),),
            )
        )  # fmt: skip
    recorded(out, *told)
    write_report(Manifest(out), out / "report.html", silent)
    browser.open(out / "report.html")
    for key, order in {
        "lift": "210", "object_drop": "012", "deletion": "120", "insertion": "021",
        "better_than_random": "120", "trust": "210", "border": "210", "name": "012",
    }.items():  # fmt: skip
        browser.choose("#sort", key)
        assert "".join(name[0] for name in browser.shown()) == order, key
    assert "deletion 0.2, insertion 0.2" in browser.first(".card").text


# Saving


@pytest.fixture
def saved(page: Browser, tmp_path: Path) -> Callable[[str], str]:
    """Waits for what was saved, and reads it."""
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )

    def read(name: str) -> str:
        assert until((tmp_path / name).exists)
        return (tmp_path / name).read_bytes().decode()

    return read


def test_what_the_filters_leave_is_saved_as_json(
    page: Browser, saved: Callable[[str], str]
) -> None:
    page.choose("#method", "hirescam")
    assert page.first("#selection").text == "the 1 shown"
    page.first("#json").click()
    data = json.loads(saved("selection.json"))
    assert data["schema"] == 1
    assert [each["explained"] for each in data["explanations"]] == [
        "Egyptian_cat (285)", "tabby (281)",
    ]  # fmt: skip
    assert data["explanations"][0] == {
        "source": "set/a #1.png", "overlay": "a #1.1.gradcam.jpg", "class": "Egyptian_cat (285)",
        "explained": "Egyptian_cat (285)", "predicted": "Egyptian_cat (285)",
        "method": "hirescam", "layer": "top_activation", "probability": 0.75, "border": 0.6,
        "evidence": "positive",
    }  # fmt: skip


def test_what_is_ticked_is_saved_as_csv(page: Browser, saved: Callable[[str], str]) -> None:
    page.choose("#sort", "name")
    page.press("\ue004")
    page.run("document.activeElement.blur()")
    page.press("j", "j", "x", "j", "x", "x")
    page.first(".card:last-child .tick").click()
    assert viewed(page) == ""  # ticking opens nothing
    assert page.first("#selection").text == "the 2 ticked"
    page.type("#search", "a #1")  # what is ticked counts, shown or not
    page.first("#csv").click()
    text = saved("selection.csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["source"] for row in rows] == ['set/b, "b".png', "set/d.png"]
    assert rows[0]["class"] == "'=SUM(1) (7)"  # which no spreadsheet computes
    assert (rows[0]["probability"], rows[0]["border"]) == ("0.5", "0.4")
    assert (rows[1]["overlay"], rows[1]["evidence"]) == ("", "positive")
    assert text.count("\r\n") == 3
    page.first("#untick").click()
    assert page.first("#selection").text == "the 1 shown"
    assert page.focused() == "csv"


def test_the_keyboard_alone_goes_from_the_first_tab_to_a_file(
    page: Browser, saved: Callable[[str], str]
) -> None:
    page.press(TAB)
    assert page.focused() == "Skip to the pictures"
    page.press(ENTER, "/", "set/", TAB, TAB)
    while page.focused() != "sort":
        page.press(TAB)
    page.press("p")  # as people choose in a list: probability
    while page.focused() != "csv":
        page.press(TAB)
    page.press(ENTER)
    assert saved("selection.csv").count("\r\n") == 1 + 7
    while page.focused() != "a #1.png":
        page.press(TAB)
    page.press(ENTER)
    assert viewed(page) == "a #1.png"


# The legend


def test_each_key_of_the_legend_does_what_it_says(page: Browser) -> None:
    page.press("?")
    assert page.first("#legend").is_displayed()
    rows = page.run(
        """return [...document.querySelectorAll("#page-keys tr")].map((row) =>
            [row.cells[0].textContent.trim().split(" "), row.cells[1].textContent])"""
    )
    told = {says: keys for keys, says in rows}
    page.press(ESCAPE)
    assert not page.first("#legend").is_displayed()
    codes = {"space": " ", "Enter": ENTER, "←": LEFT, "→": RIGHT, "↑": UP, "↓": DOWN}

    def press(says: str) -> None:
        for key in told.pop(says):
            page.press(codes.get(key, key))

    press("the next picture")
    assert page.focused() == "a #1.png"
    page.press("j")
    press("the previous picture")
    assert page.focused() == "a #1.png"
    press("move among the pictures")  # of which there are only some to the right
    assert page.focused() == 'b, "b".png'
    page.press("k")
    press("its next class or method")
    assert "hirescam" in page.first(".card").text
    press("tick or untick it")
    assert page.first(".tick").is_selected()
    press("take its heat away, or give it back")  # by one key, and back by the other
    assert page.opacity(0) == 0
    press("open the picture")
    assert viewed(page) == "a #1.png"
    page.press(ESCAPE)
    press("search")
    assert page.focused() == "search"
    page.run("document.activeElement.blur()")
    press("elsewhere: all heat")
    assert page.opacity(1) == 0
    press("these keys")
    assert page.first("#legend").is_displayed()
    assert told == {}
    page.first("#legend button").click()
    page.first("#keys").click()
    assert page.first("#legend").is_displayed()


def test_letters_do_nothing_behind_the_legend(page: Browser) -> None:
    page.press("j", "?", "j", "x", ESCAPE)
    assert page.focused() == "a #1.png"
    assert not page.first(".tick").is_selected()


# For everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("state", ["page", "viewer", "legend"])
def test_axe_finds_no_faults(page: Browser, scheme: str, width: int, state: str) -> None:
    page.width(width)
    page.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    page.run("document.querySelector('#filters').open = true")
    page.press(*{"page": "jx", "viewer": ["j", ENTER], "legend": "?"}[state])
    assert page.accessibility_faults() == []


def test_axe_finds_what_is_wrong(page: Browser) -> None:
    page.run("document.querySelector('.tick').removeAttribute('aria-label')")
    page.run("document.querySelector('.card img').removeAttribute('alt')")
    faults = page.accessibility_faults()
    assert [each.partition(":")[0] for each in faults] == ["image-alt", "label"]


def test_filters_are_folded_away_on_a_phone(browser: Browser, several: Path) -> None:
    browser.width(360)
    browser.open(several)
    assert not browser.first("#search").is_displayed()
    browser.press("/")
    assert browser.first("#search").is_displayed()
    assert browser.focused() == "search"
    browser.width(1280)
    browser.open(several)
    assert browser.first("#search").is_displayed()


@pytest.mark.parametrize("width", [320, 360, 768, 1920])
def test_the_dialog_fits_the_window(page: Browser, width: int) -> None:
    page.width(width)
    page.press("j", ENTER)
    left, right, wide = page.run(
        """const box = viewer.getBoundingClientRect();
        return [box.left, box.right, viewer.scrollWidth - viewer.clientWidth]"""
    )
    assert left >= 0
    assert right <= width
    assert wide <= 0


def test_the_folder_of_all_stands_once(page: Browser) -> None:
    assert page.first("#prefix").text == "set/"
    assert page.run("return document.querySelector('#cards').innerText").count("set/") == 0
    page.type("#search", "set/d")
    assert page.shown() == ["d.png"]


# Thousands


@pytest.fixture(scope="module")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 cards."""
    out = tmp_path_factory.mktemp("thousands") / "out"
    overlay, told = "one.jpg", []
    out.mkdir()
    picture(out / overlay, "orange")
    for number in range(3_000):
        target = predicted(f"class_{number % 9}", number % 9, number / 3_000)
        made = explanation(explained(target), predictions=[target] * 2)
        path = out / f"{number}.png"
        path.symlink_to(out / overlay)
        told.append(record(out, f"{number:04}.png", result=made, source=path, overlays=(overlay,)))
    recorded(out, *told)
    (page,) = write_report(Manifest(out), out / "report.html", silent)
    return page


def test_of_thousands_of_cards_only_those_in_sight_are_laid_out(
    browser: Browser, thousands: Path
) -> None:
    browser.open(thousands)
    assert browser.count() == "3,000 of 3,000 shown"
    laid_out = """return [...document.querySelectorAll(".card")].filter((card) =>
        card.firstChild.checkVisibility({ contentVisibilityAuto: true })).length"""
    assert 0 < until(lambda: browser.run(laid_out)) < 100
    loaded = "return document.querySelectorAll('.card img[src]').length"
    assert browser.run(loaded) < 2 * 300
    browser.run("scrollTo(0, document.body.scrollHeight)")
    assert until(
        lambda: browser.run("return cards.lastElementChild.querySelector('img').naturalWidth")
    )
    assert browser.run(loaded) < 2 * 600
    between = """return [...document.querySelectorAll(".card")].slice(0, 50)
        .flatMap((card) => [...card.childNodes]).filter((node) => node.nodeType === 3).length"""
    assert browser.run(between) == 0
    browser.choose("#sort", "probability")
    browser.first("#reverse").click()
    browser.type("#search", "29")
    shown = browser.shown()
    assert (len(shown), shown[0]) == (159, "2999.png")
    browser.press(TAB)
    browser.run("document.activeElement.blur()")
    browser.press("j", ENTER, LEFT)
    assert viewed(browser) == shown[-1]
    browser.press(ESCAPE)
    assert browser.focused() == shown[-1]
    assert browser.run("return document.activeElement.getBoundingClientRect().top < innerHeight")
