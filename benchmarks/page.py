"""How large a report is, and how soon it can be used in headless Chromium.

python -m benchmarks.page [--cards 10000] [--rounds 3]

Needs chromium with its chromedriver, and the development packages.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import machine
from benchmarks.markdown import table
from gradcam_cli.reports.html import write_report
from gradcam_cli.results.explanation import Explanation
from gradcam_cli.results.manifest import Manifest, Record

HERE = Path(__file__).parent
PHOTOS = sorted((HERE.parent / "sample_images").glob("*.jpg"))
CLASSES = 90

_USABLE = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
_CHANGE = """
const start = performance.now();
const [id, value] = arguments;
document.getElementById(id).value = value;
document.getElementById("controls").dispatchEvent(new Event("input", { bubbles: true }));
document.body.getBoundingClientRect();
return performance.now() - start;
"""


def made_run(folder: Path, cards: int) -> Manifest:
    """A manifest of so many photos, each with an overlay, as a run would leave it."""
    folder.mkdir()
    for number, photo in enumerate(PHOTOS):
        pixels = Image.open(photo).convert("RGB")
        heat = Image.radial_gradient("L").resize(pixels.size)
        mirrored = heat.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        colors = Image.merge("RGB", (heat, heat.rotate(90), mirrored))
        Image.blend(pixels, colors, 0.5).save(folder / f"{number}.jpg", quality=95, subsampling=0)
    manifest = Manifest(folder)
    with manifest.writer() as writer:
        for number in range(cards):
            writer.add(_record(folder, number))
    return manifest


def _record(folder: Path, number: int) -> Record:
    source = folder / f"{number:05}.source.jpg"
    source.symlink_to(PHOTOS[number % len(PHOTOS)])
    predictions = [
        {
            "index": index,
            "wnid": f"n{index:08}",
            "name": f"class_{index}",
            "probability": (number * 7 % 1000) / 1000 / rank,
            "rank": rank,
        }
        for rank in range(1, 6)
        for index in [(number + rank) % CLASSES]
    ]
    target = {"class": predictions[0], "evidence": "positive", "border": (number * 3 % 100) / 100}
    fields = {
        "source": f"photos/{number:05}.jpg",
        "size": [512, 512],
        "predictions": predictions,
        "explanations": [{**target, "heatmap_size": [7, 7]}],
        **{"model": "efficientnet-lite0", "weights": "bundled", "fallback": None},
        **{"layer": "top_activation", "method": "grad-cam", "score": "logit"},
        **{"engine": "openvino", "notes": [], "versions": {}},
    }
    return Record(
        f"photos/{number:05}.jpg",
        str(source),
        (source.stat().st_size, 0),
        settings="",
        overlays=(f"{number % len(PHOTOS)}.jpg",),
        sizes=(1,),
        sha256=("0" * 64,),
        result=Explanation.from_dict(fields),
    )


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for each in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{each}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def opened(page: Path) -> dict[str, float]:
    """Seconds and bytes of one visit, in a browser of its own."""
    with chromium() as driver:
        driver.set_window_size(1280, 900)
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        driver.get(page.as_uri())
        told = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        spent = {metric["name"]: metric["value"] for metric in told}
        return {
            "usable": driver.execute_script(_USABLE) / 1000,
            "cpu": spent["ThreadTime"],
            "sorted": driver.execute_script(_CHANGE, "sort", "name") / 1000,
            "searched": driver.execute_script(_CHANGE, "search", "77") / 1000,
        }


def report(cards: int, size: int, written: float, visits: list[dict[str, float]]) -> str:
    """The whole of page.md."""
    median = {name: statistics.median(visit[name] for visit in visits) for name in visits[0]}
    rows = [
        ["file", f"{size / 1e6:.1f} MB"],
        ["of which each card", f"{size / cards:,.0f} bytes"],
        ["written in", f"{written:.1f} s"],
        ["usable after", f"{median['usable']:.2f} s"],
        ["CPU time of the page until then", f"{median['cpu']:.2f} s"],
        ["sorted by name in", f"{median['sorted']:.2f} s"],
        ["searched in", f"{median['searched']:.2f} s"],
    ]
    return "\n\n".join(
        [
            "# The report page",
            f"Made by `python -m benchmarks.page`: {cards:,} cards of the sample photos with an "
            f"overlay each, opened from a file in headless Chromium; medians of {len(visits)}.",
            table(("", "measured"), rows),
            "## The machine",
            machine.table(),
        ]
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.page", description=__doc__)
    parser.add_argument("--cards", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE / "page.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = made_run(Path(folder) / "out", options.cards)
        start = time.perf_counter()
        page, *_ = write_report(manifest, manifest.folder / "page.html", print)
        written = time.perf_counter() - start
        visits = [opened(page) for _ in range(options.rounds)]
        text = report(options.cards, page.stat().st_size, written, visits)
    options.output.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
