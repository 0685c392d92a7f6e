"""Results as Markdown."""

from __future__ import annotations

from benchmarks.bars import bars
from benchmarks.markdown import table
from benchmarks.measure import Spread
from benchmarks.records import GB, PHOTOS, Results
from benchmarks.steady import BATCHES, CONTENDERS

MODELS = {
    "vgg16": "VGG16",
    "efficientnet-lite0": "EfficientNet-Lite0",
    "mobilenet.onnx": "MobileNetV2 from an ONNX file",
}


def report(results: Results, plot: str) -> str:
    """The whole of results.md, which shows the picture `plot`."""
    parts = [
        "# Speed",
        "Made by `make bench`; what is measured, and how, stands at the end.",
        f"![Seconds of each cold process]({plot})",
        "## The bars",
        table(("what", "measured", "at most", ""), [bar.row() for bar in bars(results)]),
        "## A photo explained, as one cold process",
        _cold(results),
        f"## {PHOTOS} photos of 512 × 512 with VGG16, as one process",
        _folder(results),
        "## The first time",
        _first(results),
        "## Short commands, as one cold process",
        _short(results),
        "## Steady state, VGG16",
        _steady(results),
        "## The machine",
        table(("", ""), [[what, value] for what, value in results.machine.items()], left=2),
        "## How it was measured",
        _how(results),
    ]
    return "\n\n".join(parts) + "\n"


def _range(spread: Spread, digits: int, scale: float = 1) -> str:
    return f"{spread.low * scale:.{digits}f}–{spread.high * scale:.{digits}f}"


def _cold(results: Results) -> str:
    header = ("process", "seconds", "range", "CPU seconds", "peak memory", "÷ plain Keras")
    rows = [[*_process(results, key), f"{results.ratio(key, 'plain'):.3f}"] for key in results.cold]
    return table(header, rows)


def _process(results: Results, key: str) -> list[str]:
    seconds = results.seconds(key)
    return [
        results.commands[key].label,
        f"{seconds.median:.2f}",
        _range(seconds, 2),
        f"{results.cpu(key).median:.2f}",
        f"{results.peak(key).median:.2f} GB",
    ]


def _folder(results: Results) -> str:
    header = ("process", "seconds", "range", "CPU seconds", "peak memory", "photos a second")
    rows = [
        [*_process(results, key), f"{PHOTOS / results.seconds(key).median:.1f}"]
        for key in results.folder
    ]
    return table(header, rows)


def _first(results: Results) -> str:
    header = ("compiled and checked at first use", "seconds", "CPU seconds", "peak memory", "files")
    rows = [
        [
            MODELS[model],
            f"{sample.seconds:.1f}",
            f"{sample.cpu:.1f}",
            f"{sample.peak / GB:.2f} GB",
            f"{results.sizes.compiled[model] / 1e6:.1f} MB",
        ]
        for model, sample in results.first.items()
    ]
    weights = f"The weights file of VGG16 has {results.sizes.weights / 1e6:.1f} MB."
    return f"{table(header, rows)}\n\n{weights}"


def _short(results: Results) -> str:
    header = ("process", "ms", "range", "CPU ms", "÷ import click", "÷ import click, rich")
    rows = []
    for key in results.short:
        seconds = results.seconds(key)
        rows.append(
            [
                results.commands[key].label,
                f"{1000 * seconds.median:.0f}",
                _range(seconds, 0, 1000),
                f"{1000 * results.cpu(key).median:.0f}",
                f"{results.ratio(key, 'click'):.2f}",
                f"{results.ratio(key, 'rich'):.2f}",
            ]
        )
    return table(header, rows)


def _steady(results: Results) -> str:
    header = ("ms per image at batch size", *map(str, BATCHES), "best", "range", "÷ forward")
    _, forward = results.best("forward")
    rows = []
    for key, label in CONTENDERS.items():
        _, best = results.best(key)
        rows.append(
            [
                label,
                *(_median(results.steady[key].get(size)) for size in BATCHES),
                f"{1000 * best.median:.1f}",
                _range(best, 1, 1000),
                f"{best.median / forward.median:.3f}",
            ]
        )
    return table(header, rows)


def _median(seconds: list[float] | None) -> str:
    return f"{1000 * Spread.of(seconds).median:.0f}" if seconds else ""


def _how(results: Results) -> str:
    cold, short, folder = (
        len(next(iter(samples.values())))
        for samples in (results.cold, results.short, results.folder)
    )
    steady = len(results.steady["forward"][BATCHES[0]])
    return f"""\
- Contenders take turns, one after the other in every round, so that whatever else the machine does
  hits all alike. Figures are medians over the rounds; the round before the first is thrown away.
  Rounds: {cold} of cold explanations, {folder} of folders, {short} of short commands, {steady} of
  the steady state.
- A cold process is timed from its start to its end by whoever starts it; CPU seconds and peak
  memory are what the kernel accounts to it. Files are in the page cache, Python's bytecode is
  cached.
- The plain script is [plain_keras.py](plain_keras.py). All explain the same photo for class 837 and
  write a JPEG. VGG16 has seeded random weights in the layout and under the name of the published
  file, EfficientNet-Lite0 its own. Compiling was done before, and timed once: "the first time".
- torch-cam, captum and pytorch-grad-cam run torchvision's VGG16 with the same weights, as their
  READMEs have it ([peer_scripts](peer_scripts)), with no gradients of weights. All explain
  block5_conv3 after its ReLU, and find the same top classes.
- In the steady state each contender is a warm process that is given batches of noise: the forward
  pass of VGG16 to the logits as a `tf.function`, or an explanation from preprocessed pixels to the
  finished heatmaps, at block5_conv3. The compiled engine is given a batch a core where batches have
  more than one row, as a run over a folder does. "Best" is the batch size with the smallest
  median."""
