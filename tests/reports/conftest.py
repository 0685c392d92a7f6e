"""Chromium, and the report of a small run opened in it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.reports.html import write_report
from gradcam_cli.results.manifest import Manifest
from tests.reports.chromium import Browser
from tests.reports.test_html import failure, record, recorded, silent
from tests.results.samples import CAT, TABBY, explained, explanation, predicted

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium that keeps what its console says."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        missing = "there is no chromium with its chromedriver; .ci/run installs both"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for each in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{each}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    logging.getLogger("selenium").setLevel(logging.WARNING)
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield opened
    finally:
        opened.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over five sources and two that failed."""
    out = tmp_path_factory.mktemp("run") / "out"
    dog = predicted("beagle", 162, 0.5)
    fox = predicted("red_fox", 277, 0.05, 4)
    recorded(
        out,
        record(out, "B/two.png", explained(CAT, border=0.9)),
        record(out, "a/One.png", explained(TABBY, border=None)),
        failure("broken.png", "could not read broken.png: it is empty."),
        record(
            out, "c/ten10.png", result=explanation(explained(dog, border=0.1), predictions=[dog])
        ),
        record(
            out, "c/ten9.png", result=explanation(explained(fox, border=0.4), predictions=[dog])
        ),
        record(out, "d/url.png", explained(CAT, border=0.0, evidence="none"), path=""),
        failure("other.png", "could not read other.png: its PNG data are truncated."),
    )
    write_report(Manifest(out), out / "report.html", silent)
    return out


@pytest.fixture
def browser(chromium: Any, folder: Path) -> Iterator[Browser]:
    """The report, just opened on a desktop; at the end nothing must have been complained of."""
    browser = Browser(chromium)
    browser.width(1000)
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    browser.open(folder / "report.html")
    yield browser
    assert browser.complaints() == []
