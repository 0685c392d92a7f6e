"""The report as people have it: in a browser, by mouse and keyboard, in the dark, on a phone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PIL import Image

from gradcam_cli.reports.html import write_report
from gradcam_cli.reports.page.thumbnails import SIDE
from gradcam_cli.results.manifest import Manifest
from gradcam_cli.text import printable
from tests.conftest import SAMPLES
from tests.reports.chromium import Browser
from tests.reports.test_html import HOSTILE, failure, measured, record, recorded, silent
from tests.results.samples import CAT, explained, explanation, predicted

ALL = ["two.png", "One.png", "ten10.png", "ten9.png", "url.png"]


def test_filters(browser: Browser) -> None:
    assert (browser.shown(), browser.count()) == (ALL, "5 of 5 shown")
    options = browser.run("return [...document.querySelector('#explained')].map((o) => o.text)")
    assert options == [
        "all", "beagle (162): 1", "Egyptian_cat (285): 2", "red_fox (277): 1", "tabby (281): 1",
    ]  # fmt: skip
    browser.choose("#explained", "Egyptian_cat (285)")
    assert (browser.shown(), browser.count()) == (["two.png", "url.png"], "2 of 5 shown")
    browser.choose("#predicted", "beagle (162)")
    assert browser.shown() == []
    assert browser.first("#nothing").is_displayed()
    browser.choose("#explained", "")
    assert browser.shown() == ["ten10.png", "ten9.png"]
    browser.first("button[type=reset]").click()
    time.sleep(0.05)
    assert (browser.shown(), browser.count()) == (ALL, "5 of 5 shown")
    assert not browser.first("#nothing").is_displayed()


def test_filters_of_numbers(browser: Browser) -> None:
    browser.type("#probability-least", "12.5")
    assert browser.shown() == ["two.png", "One.png", "ten10.png", "url.png"]
    browser.type("#probability-most", "50")
    assert browser.shown() == ["One.png", "ten10.png"]
    browser.type("#border-least", "0")  # which One.png does not have
    assert browser.shown() == ["ten10.png"]
    browser.first("#probability-least").clear()
    browser.first("#probability-most").clear()
    browser.type("#border-most", "40")
    assert browser.shown() == ["ten10.png", "ten9.png", "url.png"]


def test_search(browser: Browser) -> None:
    browser.type("#search", "ONE")
    assert browser.shown() == ["One.png"]
    browser.type("#search", "c/")
    assert browser.shown() == ["ten10.png", "ten9.png"]
    browser.press("\ue007")  # Enter sends nothing anywhere
    assert browser.shown() == ["ten10.png", "ten9.png"]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("name", ["One.png", "two.png", "ten9.png", "ten10.png", "url.png"]),
        ("explained", ["ten10.png", "two.png", "url.png", "ten9.png", "One.png"]),
        ("predicted", ["ten10.png", "ten9.png", "two.png", "One.png", "url.png"]),
        ("probability", ["ten9.png", "One.png", "ten10.png", "two.png", "url.png"]),
        ("border", ["two.png", "ten9.png", "ten10.png", "url.png", "One.png"]),
        ("evidence", ["url.png", "two.png", "One.png", "ten10.png", "ten9.png"]),
        ("order", ALL),
    ],
)
def test_sorting_has_the_worst_first(browser: Browser, key: str, order: list[str]) -> None:
    browser.choose("#sort", "name")
    browser.choose("#sort", key)
    assert browser.shown() == order
    browser.type("#search", "t")  # sorted still
    assert browser.shown() == [name for name in order if name.startswith("t")]


def test_sorting_the_other_way_round(browser: Browser) -> None:
    browser.choose("#sort", "border")
    browser.first("#reverse").click()
    assert browser.shown() == ["url.png", "ten10.png", "ten9.png", "two.png", "One.png"]


def test_the_slider_fades_all_overlays(browser: Browser) -> None:
    assert browser.opacity(0) == 1
    browser.run("document.querySelector('#fade').focus()")
    browser.press(*["\ue012"] * 60)  # to the left
    assert browser.opacity(0) == browser.opacity(3) == pytest.approx(0.4)
    browser.run("document.activeElement.blur()")
    browser.press("f")
    assert browser.opacity(0) == 0
    browser.press("f")
    assert browser.opacity(0) == pytest.approx(0.4)


def test_hovering_fades_one_overlay(browser: Browser) -> None:
    browser.point_at(".card")
    assert (browser.opacity(0), browser.opacity(1)) == (0, 1)
    browser.point_at("h1")
    assert browser.opacity(0) == 1


def test_an_overlay_without_its_source_does_not_fade(browser: Browser) -> None:
    browser.point_at(".card:last-child")
    assert browser.opacity(4) == 1
    assert "Source not shown: it is a URL" in browser.first(".card:last-child").text
    assert "no evidence" in browser.first(".card:last-child").text


def test_keys_move_and_fade(browser: Browser) -> None:
    browser.press("j")
    assert browser.focused() == "two.png"
    assert (browser.opacity(0), browser.opacity(1)) == (0, 1)
    browser.press("f")
    assert browser.opacity(0) == 1
    scrolled = browser.run("return scrollY")
    browser.press(" ")
    assert browser.opacity(0) == 0
    assert browser.run("return scrollY") == scrolled
    browser.press("f", "j", "j")
    assert browser.focused() == "ten10.png"
    assert browser.opacity(0) == 1
    browser.press("k")
    assert browser.focused() == "One.png"
    browser.press("k", "k", "k", "f")
    assert browser.focused() == "two.png"
    assert browser.opacity(0) == 1  # and not what moved away from it


def test_arrows_move_in_rows(browser: Browser) -> None:
    columns = browser.run(
        "return getComputedStyle(document.querySelector('#cards')).gridTemplateColumns"
    )
    assert len(columns.split()) == 3
    browser.press("j", "\ue014")
    assert browser.focused() == "One.png"
    browser.press("\ue015")
    assert browser.focused() == "url.png"
    browser.press("\ue013", "\ue012")
    assert browser.focused() == "two.png"


def test_keys_skip_what_is_filtered_out(browser: Browser) -> None:
    browser.type("#search", "ten")
    browser.run("document.activeElement.blur()")
    browser.press("j", "j", "j")
    assert browser.focused() == "ten9.png"


def test_the_slash_searches_and_letters_in_it_are_letters(browser: Browser) -> None:
    browser.press("j", "/")
    assert browser.focused() == "search"
    browser.press("jkf/ ")
    assert browser.first("#search").get_property("value") == "jkf/ "
    assert browser.focused() == "search"


def test_everything_is_reached_by_tab_and_seen(browser: Browser) -> None:
    reached = []
    for _ in range(60):
        browser.press("\ue004")
        if not browser.focused() or browser.run("return document.activeElement === document.body"):
            break
        reached.append(browser.focused())
        seen = "const s = getComputedStyle(document.activeElement); return s.outlineStyle"
        assert browser.run(seen) != "none", reached
    wanted = [
        "Skip to the pictures", "2 failed", "As a table", "Filter and sort", "search", "explained",
        "predicted", "probability-least", "probability-most", "border-least", "border-most", "sort",
        "reverse", "Reset", "fade", "csv", "json", "keys", *ALL,
    ]  # fmt: skip
    assert [each for each in reached if not each.startswith("Failed")] == wanted
    assert len(reached) == len(wanted) + 1


def test_a_focused_card_is_not_under_the_bar(browser: Browser) -> None:
    browser.width(360)
    for key in "jjjjjkkkk":
        browser.press(key)
        top, bar, bottom = browser.run(
            """const box = document.activeElement.getBoundingClientRect();
            const bar = document.querySelector("#bar").getBoundingClientRect();
            return [box.top, bar.bottom, innerHeight]"""
        )
        assert bar <= top < bottom


def test_the_link_to_the_failures_opens_them(browser: Browser) -> None:
    browser.run("document.querySelector('details:has(#failures)').open = false")
    browser.first("a[href='#failures']").click()
    assert "it is empty" in browser.first("#failures").text
    assert "its PNG data are truncated" in browser.first("#failures").text


CONTRAST = """
const level = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const color = getComputedStyle(element).backgroundColor;
  return color === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : color;
};
return arguments[0].map((selector) => {
  const element = document.querySelector(selector);
  const [a, b] = [getComputedStyle(element).color, behind(element)].map(level);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_light_and_dark(browser: Browser, scheme: str) -> None:
    browser.prefer(prefers_color_scheme=scheme)
    background = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(245, 245, 243)") == (scheme == "light")
    texts = [
        "h1", ".run", "header a", ".name", ".name .folder", ".explained", ".explained span",
        ".top li", ".missing", ".mark", "#controls label", "#search", "select", "button",
        "#selection", "kbd", ".failures td", ".failures thead th", "footer p",
    ]  # fmt: skip
    for text, contrast in zip(texts, browser.run(CONTRAST, texts), strict=True):
        assert contrast >= 4.5, text


def test_motion_is_reduced_where_that_is_asked_for(browser: Browser) -> None:
    duration = "return getComputedStyle(document.querySelector('.pair .overlay'))"
    assert browser.run(f"{duration}.transitionDuration") == "0.2s"
    browser.prefer(prefers_reduced_motion="reduce")
    assert browser.run(f"{duration}.transitionProperty") == "none"


def overflow(browser: Browser) -> int:
    browser.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    return int(browser.run("return document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which all names are hostile."""
    out = tmp_path_factory.mktemp("hostile") / "out"
    targets = [predicted(name, number, 0.5) for number, name in enumerate(HOSTILE)]
    recorded(
        out,
        *(
            record(out, name, result=explanation(explained(target), predictions=[target, CAT]))
            for name, target in zip(HOSTILE, targets, strict=True)
        ),
        *(failure(f"{name}!", f"could not read {name}: no") for name in HOSTILE),
    )
    write_report(Manifest(out), out / "report.html", silent)
    return out / "report.html"


@pytest.mark.parametrize("width", [320, 360, 768, 1920])
def test_nothing_is_wider_than_the_window(browser: Browser, hostile: Path, width: int) -> None:
    browser.width(width)
    assert overflow(browser) <= 0
    browser.open(hostile)
    assert overflow(browser) <= 0


def test_hostile_names_are_only_text(browser: Browser, hostile: Path) -> None:
    kinds = (
        "return [...new Set([...document.querySelectorAll('*')].map((e) => e.localName))].sort()"
    )
    usual = browser.run(kinds)
    browser.open(hostile)
    assert browser.run(kinds) == usual
    assert browser.run("return document.scripts.length + document.styleSheets.length") == 2
    names = browser.run("return [...document.querySelectorAll('.name')].map((e) => e.textContent)")
    assert names == [printable(name) for name in sorted(HOSTILE)]
    for number, name in enumerate(HOSTILE):
        browser.choose("#explained", f"{printable(name)} ({number})")
        assert browser.count() == f"1 of {len(HOSTILE)} shown"
    failed = browser.run("return document.querySelectorAll('#failures tbody tr').length")
    assert failed == len(HOSTILE)
    assert browser.run("return [...document.images].every((e) => /^(data:|$)/.test(e.src))")
    found = browser.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [each for each in found if not each.startswith("data:")] == []


@pytest.mark.parametrize(
    "attack",
    [
        "const s = document.createElement('script'); s.text = 'pwned = 1'; document.body.append(s)",
        "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"pwned = 1\">')",
        "document.body.insertAdjacentHTML('beforeend', '<b style=\"color:red\">b</b>')",
        "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)",
        "fetch('http://127.0.0.1:9/').catch(() => 0)",
    ],
)
def test_the_policy_stops_what_would_get_in(browser: Browser, attack: str) -> None:
    browser.run(f"window.pwned = 0; {attack}")
    time.sleep(0.1)
    assert browser.run("return window.pwned") == 0
    complaints = browser.complaints()
    assert complaints
    assert all("Content Security Policy" in each for each in complaints)


def test_pictures_and_failures_are_there_without_javascript(browser: Browser) -> None:
    browser.emulate("setScriptExecutionDisabled", value=True)
    try:
        browser.driver.refresh()
        assert not browser.first("#filters").is_displayed()
        assert not browser.first("#loading").is_displayed()
        assert not browser.first(".tick").is_displayed()
        assert not browser.first("#bar").is_displayed()
        assert len(browser.driver.find_elements("css selector", ".card")) == 5
        assert browser.first(".card .overlay").get_property("naturalWidth") == 40
        assert "Egyptian_cat (285)" in browser.first(".card").text
        assert "it is empty" in browser.first("#failures").text
    finally:
        browser.emulate("setScriptExecutionDisabled", value=False)


def test_pages_lead_to_each_other(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcam_cli.reports.html.OVERLAYS", 2)
    out = tmp_path / "out"
    recorded(out, *(record(out, f"{n}.png") for n in range(5)))
    write_report(Manifest(out), out / "odd & name's #1%20.html", silent)
    browser.open(out / "odd & name's #1%20.html")
    browser.first("a[rel=next]").click()
    browser.first("a[rel=next]").click()
    assert browser.shown() == ["4.png"]
    assert browser.count() == "1 of 1 shown"
    assert not browser.driver.find_elements("css selector", "a[rel=next]")
    browser.first("footer a[rel=prev]").click()
    assert browser.shown() == ["2.png", "3.png"]
    assert "within this page" in browser.first(".scope").text


def test_a_page_of_failures_only(browser: Browser, tmp_path: Path) -> None:
    out = tmp_path / "out"
    recorded(out, failure("a", "no"))
    write_report(Manifest(out), out / "report.html", silent)
    browser.open(out / "report.html")
    assert "Failed: 1" in browser.first("main").text
    browser.press("j", "f", "/")


@pytest.fixture
def full_page(tmp_path: Path) -> Path:
    """2,000 cards, each with a photo of its own."""
    out = tmp_path / "out"
    out.mkdir()
    photos = [tmp_path / path.name for path in sorted(SAMPLES.glob("*.jpg"))]
    for number, photo in enumerate(photos):
        pixels = Image.open(SAMPLES / photo.name).convert("RGB")
        pixels.thumbnail((SIDE, SIDE))  # as the page shows it, so that it is soon made
        pixels.save(photo, quality=95, subsampling=0)
        heat = Image.radial_gradient("L").resize(pixels.size)
        colors = Image.merge("RGB", (heat, heat.rotate(90), heat.transpose(0)))
        Image.blend(pixels, colors, 0.5).save(out / f"{number}.jpg", quality=95, subsampling=0)
    told = []
    for number in range(2_000):
        photo = photos[number % len(photos)]
        source = tmp_path / f"{number}.jpg"
        source.symlink_to(photo)
        target = predicted(f"class_{number % 90}", number % 90, (number * 7 % 1000) / 1000)
        fields = explanation(
            explained(target, border=(number * 3 % 100) / 100), predictions=[target] * 5
        )
        overlay = f"{number % len(photos)}.jpg"
        name, overlays = f"photos/{number:04}.jpg", (overlay,)
        told.append(record(out, name, source=source, result=fields, overlays=overlays))
    recorded(out, *told)
    (page,) = write_report(Manifest(out), out / "report.html", silent)
    return page


@pytest.mark.slow
def test_a_full_page_opens_soon(browser: Browser, full_page: Path) -> None:
    size = full_page.stat().st_size
    browser.open(full_page)
    loaded = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
    start = time.monotonic()
    browser.choose("#sort", "probability")
    browser.type("#search", "7")
    used = time.monotonic() - start
    print(
        f"\n2,000 cards: {size / 1e6:.1f} MB, {size / 2_000:,.0f} bytes each; "
        f"loaded in {loaded:.2f} s; sorted and searched in {used:.2f} s"
    )
    assert size < 60e6
    assert 0 < loaded < 3
    assert used < 3
    assert browser.count() == "542 of 2,000 shown"
    browser.run("scrollTo(0, document.body.scrollHeight)")
    last = """const all = document.querySelectorAll(".card:not([hidden]) img");
        return all[all.length - 1].naturalWidth"""
    until = time.monotonic() + 10
    while not browser.run(last) and time.monotonic() < until:
        time.sleep(0.05)
    assert browser.run(last) > 0


# Of a check


@pytest.fixture(scope="module")
def check_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A check of four pictures, of which one is taken for another class."""
    out = tmp_path_factory.mktemp("check") / "out"
    fox = predicted("red_fox", 277, 0.9)
    recorded(
        out,
        record(out, "right.png", explained(CAT), measures=(measured(lift=3.0),)),
        record(out, "elsewhere.png", explained(CAT), measures=(measured(lift=0.1),)),
        record(
            out,
            "wrong.png",
            result=explanation(explained(CAT), predictions=[fox, CAT]),
            measures=(measured(top1=False, lift=2.0),),
        ),
        record(
            out,
            "fox.png",
            result=explanation(explained(fox), predictions=[fox]),
            measures=(measured(lift=None),),
        ),
    )
    write_report(Manifest(out), out / "report.html", silent)
    return out


def test_the_cells_of_the_matrix_open_their_pictures(browser: Browser, check_folder: Path) -> None:
    browser.open(check_folder / "report.html")
    assert browser.shown() == ["elsewhere.png", "right.png", "wrong.png", "fox.png"]
    cells = browser.driver.find_elements("css selector", ".matrix .confusion")
    assert [cell.text for cell in cells] == ["2", "1", "1"]
    cells[1].click()
    assert browser.shown() == ["wrong.png"]
    assert browser.focused() == "pictures"
    cells[0].send_keys("\n")
    assert browser.shown() == ["elsewhere.png", "right.png"]
    browser.first("button[type=reset]").click()
    time.sleep(0.05)
    browser.choose("#sort", "lift")
    assert browser.shown() == ["elsewhere.png", "wrong.png", "right.png", "fox.png"]
    browser.width(360)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
