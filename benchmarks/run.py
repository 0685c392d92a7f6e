"""Measure everything and write results.md, results.png and the README's table of speed.

python -m benchmarks.run [--rounds N]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import commands, machine, measure, steady
from benchmarks.commands import Place
from benchmarks.folder import photos
from benchmarks.measure import Command, Sample
from benchmarks.peer_programs import PeerPrograms
from benchmarks.records import PHOTOS, Results, Sizes

HERE = Path(__file__).parent


def tell(text: str) -> None:
    """Say on stderr how far it is."""
    print(text, file=sys.stderr, flush=True)


def prepare(place: Place, env: dict[str, str]) -> dict[str, Sample]:
    """Write weights where there are none, and time the first use of each model once."""
    for made in ("compiled", "digests"):
        shutil.rmtree(place.cache / made, ignore_errors=True)
    if not place.weights.exists():
        tell("Drawing weights for VGG16.")
        writing = (sys.executable, "-m", "benchmarks.weights", str(place.weights))
        measure.run(Command("weights", "writing weights", writing), env)
    writing = (sys.executable, "-m", "benchmarks.onnx_model", str(place.onnx))
    measure.run(Command("onnx", "writing an ONNX file", writing), env)
    first = {}
    for model in ("vgg16", "efficientnet-lite0", str(place.onnx)):
        name = Path(model).name
        label = f"first use of {name}"
        tell(f"{label.capitalize()}.")
        first[name] = measure.run(commands.explanation(place, model, "openvino", label), env)
    return first


def measured(place: Place, options: argparse.Namespace) -> Results:
    """Run everything, first what takes one process for one figure."""
    env = place.env()
    about = machine.described()
    first = prepare(place, env)
    compiled = {model: place.compiled_bytes(model) for model in first}
    peers = PeerPrograms.found(options.peers_python, place.work / "vgg16.pth")
    peers.write_weights(place.weights)
    out = place.work / "peers"
    cold, short = commands.cold(place), commands.short()
    cold += peers.commands("cold", [commands.IMAGE], out, commands.PREDICTED)
    tell("Cold explanations.")
    cold_samples = measure.in_turns(cold, options.rounds, env, tell)
    tell("A folder.")
    photos(place.photos, PHOTOS, (512, 512))
    folder = commands.folder(place)
    folder += peers.commands("folder", sorted(place.photos.iterdir()), out, "0000.jpg")
    folder_samples = measure.in_turns(folder, options.folder_rounds, env, tell)
    tell("Short commands.")
    short_samples = measure.in_turns(short, options.short_rounds, env, lambda text: None)
    tell("Steady state.")
    per_image = steady.measure(options.steady_rounds, env, tell)
    return Results(
        commands={command.key: command for command in (*cold, *folder, *short)},
        first=first,
        cold=cold_samples,
        folder=folder_samples,
        short=short_samples,
        steady=per_image,
        sizes=Sizes(place.weights.stat().st_size, compiled),
        machine=about,
    )


def written(results: Results, folder: Path) -> Path:
    """Write the report and its picture into `folder`."""
    from benchmarks.plot import draw
    from benchmarks.readme import README, with_speed
    from benchmarks.report import report

    draw(results, folder / "results.png")
    path = folder / "results.md"
    path.write_text(report(results, "results.png"), "utf-8")
    if folder == HERE:
        README.write_text(with_speed(README.read_text("utf-8"), results), "utf-8")
    return path


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of cold explanations (default 7)")
    parser.add_argument("--short-rounds", type=int, default=20, help="of commands (default 20)")
    parser.add_argument("--folder-rounds", type=int, default=3, help="of folders (default 3)")
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PYTHON",
        help="the interpreter that has torch-cam, captum and pytorch-grad-cam (default: this one)",
    )
    parser.add_argument("--steady-rounds", type=int, default=5, help="of batches (default 5)")
    parser.add_argument(
        "--cache-dir",
        type=Path,
        help="a folder in which weights are kept for the next run (default: a temporary one); "
        "what is compiled in it is made anew",
    )
    parser.add_argument("--output", type=Path, default=HERE, help="the folder to write to")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure and write."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="gradcam-bench-") as work:
        cache = (options.cache_dir or Path(work, "cache")).resolve()
        results = measured(Place(Path(work), cache), options)
    print(written(results, options.output))


if __name__ == "__main__":
    main()
