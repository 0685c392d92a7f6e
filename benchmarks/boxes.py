"""Where each method looks on the sample photos, against their boxes; writes docs/boxes.md.

python -m benchmarks.boxes
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.commands import ROOT
from benchmarks.markdown import table
from benchmarks.methods import CHEAP, MODEL
from gradcam_cli.annotations.reading import read_annotations
from gradcam_cli.errors import GradcamError
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import METHODS, MethodChoice, normalize
from gradcam_cli.methods.choice import parse_method, parse_methods
from gradcam_cli.models.selection import select_model
from gradcam_cli.runs.available import OpeningOptions, answer_of, open_available
from gradcam_cli.runs.check_items import check_items
from gradcam_cli.runs.checking import CheckItem
from gradcam_cli.runs.compared_pictures import Subject, read_subject
from gradcam_cli.runs.comparing import CompareOptions
from gradcam_cli.targets import Target

OUTPUT = ROOT / "docs" / "boxes.md"
ANNOTATIONS = ROOT / "sample_images" / "annotations.json"


def measured(
    explainer: Explainer, method: MethodChoice, subjects: Sequence[Subject]
) -> list[float | None]:
    """The lift of a method's heat in each picture; None where there is no heat."""
    found = []
    for subject in subjects:
        (label,) = subject.objects
        raw = answer_of(explainer, method, subject.input, Target(label)).raw
        found.append(subject.shares(normalize(raw)[0], label)[1])
    print(method.text, *found, file=sys.stderr, flush=True)
    return found


def read_subjects(explainer: Explainer) -> list[Subject]:
    """The sample photos, each with the object of its class."""
    items = check_items(read_annotations(ANNOTATIONS), explainer.model.labels)
    options = CompareOptions(explainer.methods)
    annotated = [item for item in items if isinstance(item, CheckItem)]
    return [read_subject(explainer, item, item, options) for item in annotated]


def cells(lifts: Sequence[float | None]) -> list[str]:
    """The mean, and each."""
    return [
        f"**{mean_of(lifts):.2f}**",
        *("no heat" if each is None else f"{each:.2f}" for each in lifts),
    ]


def mean_of(lifts: Sequence[float | None]) -> float:
    """The mean, in which no heat counts as 0."""
    return statistics.mean(each or 0.0 for each in lifts)


def report(explainer: Explainer, refused: Mapping[str, GradcamError]) -> str:
    """The whole page."""
    subjects = read_subjects(explainer)
    lifts = {method.text: measured(explainer, method, subjects) for method in explainer.methods}
    shares = [float(each.on_grid.mask.mean()) for it in subjects for each in it.objects.values()]
    rows = [
        [f"`{text}`", parse_method(text).method.cost, *cells(lifts[text])]
        for text in sorted(lifts, key=lambda text: -round(mean_of(lifts[text]), 2))
    ]
    names = [Path(it.small.name).stem.replace("_", " ") for it in subjects]
    most = ["the most there can be", "", *cells([1 / share for share in shares])]
    return _PAGE.format(
        model=MODEL,
        layer=explainer.layer,
        table=table(["method", "cost", "mean", *names], [most, *rows], left=2),
        refused=", ".join(f"`{text}`" for text in refused),
    )


_PAGE = """\
# Where methods look on the sample photos

Made by `python -m benchmarks.boxes`, which runs every method on the five photos of `sample_images/`
with the bundled model, {model}, each for the class that is in the photo. Methods that look
at a layer look at `{layer}`.

The figures are **lift**: the share of the heat that is in the box around the object, divided by the
box's share of the picture. 1 is what even heat has, and what the control `random` has but for
chance; below 1 the heat avoids the object. What a lift can be at the most depends on the box: the
cat fills most of its photo, the glasses little of theirs. Options stand where a method takes more
passes than that by default. Methods are ordered by their mean, in which no heat counts as 0.

{table}

{refused} need a transformer, and have no maps here.

Five photos rank nothing: read it as what to expect, not as which method is best. Heat in the box
is not what the model went by, either: a model that looks beside the object, honestly shown, has a
low lift. `gradcam evaluate` measures whether the score changes where the map says so, and
`gradcam check` the lift on photos of your own.
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.boxes", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    methods = parse_methods([CHEAP.get(name, name) for name in METHODS])
    model = select_model(MODEL).open(offline=True)
    options = OpeningOptions(engine="openvino", offline=True)
    available = open_available(model, None, methods, options, print)
    if available.explainer is None:
        raise SystemExit("No method can be had.")
    output.write_text(report(available.explainer, available.refused), "utf-8")


if __name__ == "__main__":
    main()
