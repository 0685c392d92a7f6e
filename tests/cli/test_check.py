"""`gradcam check`, on the sample pictures with real weights."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from PIL import Image

from gradcam_cli.results.manifest import FILE
from tests.conftest import SAMPLES, records

Run = Callable[..., tuple[int, str, str]]

MODEL = ("--model", "efficientnet-lite0", "--offline")
DATA = SAMPLES / "annotations.json"
MEASURES = ("top1", "top5", "lift", "pointing", "object_drop", "empty", "overlap", "border")


def parsed(run: tuple[int, str, str]) -> Any:
    """The object that a run with --json has printed."""
    return json.loads(run[1])


def table(*rows: str, name: str = "data.csv") -> Path:
    """A data set of pictures in the working folder."""
    path = Path(name)
    path.write_text("\n".join(("path,class,x,y,w,h", *rows)) + "\n")
    return path


def cats(count: int) -> Path:
    """So many different pictures of the cat, and where it is in them."""
    photo = Image.open(SAMPLES / "egyptian_cat.jpg")
    rows = []
    for at in range(count):
        photo.crop((at, 0, 240 + at, 240)).resize((120, 120)).save(f"cat{at}.png")
        rows.append(f"cat{at}.png,Egyptian cat,0,0,100,120")
    return table(*rows)


def test_the_summary_has_means_and_their_intervals(gradcam: Run) -> None:
    code, out, err = gradcam("check", DATA, *MODEL, "--json", "-q")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["schema"], result["model"], result["method"]) == (
        1,
        "efficientnet-lite0",
        "grad-cam",
    )
    summary = result["summary"]
    assert (summary["images"], summary["failed"], summary["top1"]) == (5, 0, 1.0)
    assert summary["lift"] == pytest.approx(1.77, abs=0.01)
    assert summary["object_drop"] == pytest.approx(0.725, abs=0.01)
    for name in MEASURES:
        low, high = summary[f"{name}_interval"]
        assert low <= summary[name] <= high
    assert [each["class"]["index"] for each in result["images"]] == [285, 967, 812, 837, 872]
    assert {each["predicted"] for each in result["confusion"]} == {
        each["expected"] for each in result["confusion"]
    }
    assert Path("gradcam-check", "egyptian_cat.gradcam.jpg").exists()


def test_a_missed_gate_says_by_how_much_and_where(gradcam: Run) -> None:
    code, out, err = gradcam("check", DATA, *MODEL, "--min-lift", 2, "--min-top1", 0.9)
    assert code == 1
    assert "gradcam: --min-lift 2 does not hold: lift is 1.77, off by 0.229\n" in err
    gates = [line.split() for line in out.splitlines() if line.startswith("--min")]
    assert gates == [
        ["--min-top1", "0.9", "all", "100.0", "%", "holds"],
        ["--min-lift", "2", "all", "1.77", "missed"],
    ]
    worst = out[out.index("worst lift") :].splitlines()[2:]
    assert re.findall(r"(\w+)\.jpg", "\n".join(worst)) == [
        "egyptian_cat",
        "space_shuttle",
        "espresso",
    ]


def test_each_class_has_to_hold_too(gradcam: Run) -> None:
    assert gradcam("check", DATA, *MODEL, "--min-lift", 1.5, "-q")[0] == 0
    code, _, err = gradcam("check", DATA, *MODEL, "--min-lift", 1.5, "--per-class", "-q")
    assert code == 1
    assert err.splitlines() == [
        "gradcam: --min-lift 1.5 does not hold: lift of class Egyptian_cat is 1.09, off by 0.407",
        "gradcam: --min-lift 1.5 does not hold: lift of class space_shuttle is 1.32, off by 0.184",
    ]


def test_gates_in_json_name_their_worst_pictures(gradcam: Run) -> None:
    result = parsed(gradcam("check", DATA, *MODEL, "--min-lift", 1.2, "--min-top5", 1, "--json"))
    lift, top5 = sorted(result["gates"], key=lambda gate: gate["gate"])
    assert lift["passed"]
    assert (lift["gate"], lift["threshold"], lift["worst"]) == ("--min-lift", 1.2, [])
    assert (top5["gate"], top5["passed"]) == ("--min-top5", True)
    result = parsed(gradcam("check", DATA, *MODEL, "--min-lift", 1.9, "--json"))
    (lift,) = result["gates"]
    assert not lift["passed"]
    assert [Path(each).stem for each in lift["worst"]] == [
        "egyptian_cat",
        "space_shuttle",
        "espresso",
    ]


def test_a_gate_on_what_was_not_measured_is_missed(gradcam: Run) -> None:
    options = ("--no-object-drop", "--min-object-drop", 0.1, "-q")
    code, _, err = gradcam("check", DATA, *MODEL, *options)
    assert code == 1
    assert err == "gradcam: --min-object-drop 0.1 cannot be judged: nothing was measured\n"


def test_files_for_other_programs(gradcam: Run) -> None:
    options = ("--min-lift", 2, "--csv", "out.csv", "--junit", "out.xml", "-q")
    assert gradcam("check", DATA, *MODEL, *options)[0] == 1
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    assert len(rows) == 5
    assert (rows[0]["name"], rows[0]["top1"], rows[0]["is_jpeg"]) == ("Egyptian_cat", "True", "1.0")
    suite = ElementTree.parse("out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "4", "0")
    cases = {case.get("name"): case for case in suite}
    assert cases["--min-lift all"].find("failure").get("message").endswith("off by 0.229")
    assert cases[str(SAMPLES / "tripod.jpg")].find("failure") is None


def test_lines_for_github(gradcam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _, _, err = gradcam("check", DATA, *MODEL, "--min-top1", 1, "--min-lift", 2, "-q")
    commands = [line for line in err.splitlines() if line.startswith("::")]
    assert commands[0] == (
        "::error title=gradcam check::--min-lift 2 does not hold: lift is 1.77, off by 0.229"
    )
    assert commands[1] == f"::warning file={SAMPLES}/egyptian_cat.jpg::Egyptian_cat: lift 1.09"
    assert len(commands) == 4


def test_a_baseline_that_is_equal_and_one_that_was_better(gradcam: Run) -> None:
    out = gradcam("check", DATA, *MODEL, "--json")[1]
    Path("before.json").write_text(out)
    code, _, err = gradcam("check", DATA, *MODEL, "--baseline", "before.json", "-q")
    assert (code, err) == (0, "")
    before = json.loads(out)
    for image in before["images"]:
        image["lift"] += 0.5
    Path("before.json").write_text(json.dumps(before))
    code, out, err = gradcam("check", DATA, *MODEL, "--baseline", "before.json")
    assert code == 1
    assert "gradcam: lift is worse than in the baseline: by -0.500 (-0.500 to -0.500) over 5" in err
    assert "-0.500 to -0.500" in out
    for image in before["images"]:
        image["lift"] -= 1.0
    Path("before.json").write_text(json.dumps(before))
    assert gradcam("check", DATA, *MODEL, "--baseline", "before.json")[0] == 0  # better now


def test_a_baseline_of_other_pictures(gradcam: Run) -> None:
    result = parsed(gradcam("check", DATA, *MODEL, "--json"))
    result["images"] = result["images"][:3]
    Path("before.json").write_text(json.dumps(result))
    code, _, err = gradcam("check", DATA, *MODEL, "--baseline", "before.json")
    assert (code, f"2 pictures of {DATA} are not in the baseline" in err) == (0, True)
    result["images"] = []
    Path("before.json").write_text(json.dumps(result))
    code, _, err = gradcam("check", DATA, *MODEL, "--baseline", "before.json")
    assert (code, "no picture of" in err) == (2, True)
    for text in ("", "[]", "{", '{"images": [{}]}', "null", "\udcff" * 2):
        Path("before.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        code, _, err = gradcam("check", DATA, *MODEL, "--baseline", "before.json")
        assert (code, err.count("\n")) == (2, 1)
        assert "before.json is no result of a check" in err


def test_gates_that_are_proposed_hold(gradcam: Run) -> None:
    _, _, err = gradcam("check", DATA, *MODEL, "--calibrate")
    (line,) = (line for line in err.splitlines() if "these hold" in line)
    options = line.rpartition(": ")[2].split()
    assert options[::2] == [
        "--min-top1",
        "--min-top5",
        "--min-lift",
        "--min-pointing",
        "--min-object-drop",
        "--max-empty",
    ]
    assert gradcam("check", DATA, *MODEL, *options, "-q")[0] == 0


def test_what_cannot_be_checked_is_told_and_counted(gradcam: Run) -> None:
    cats(1)
    Path("broken.png").write_bytes(b"no picture")
    data = table(
        "cat0.png,Egyptian cat,0,0,100,120",
        "cat0.png,Egyptian cat,500,0,10,10",
        "broken.png,Egyptian cat,0,0,1,1",
        "gone.png,Egyptian cat,0,0,1,1",
        "../cat0.png,Egyptian cat,0,0,1,1",
        "cat0.png,Egyptian cat,0,0,0,0",
    )
    run = gradcam("check", data, *MODEL, "--json", "--csv", "rows.csv")
    assert run[0] == 3
    result = parsed(run)
    assert result["summary"]["images"] + result["summary"]["failed"] == 5
    errors = " ".join(each["error"] for each in result["failures"])
    for reason in ("gone.png", "leads out of", "line 3 has a box", "line 7: its box", "broken.png"):
        assert reason in errors
    for failure in result["failures"]:
        assert failure["error"] in run[2]
    rows = list(csv.DictReader(io.StringIO(Path("rows.csv").read_text())))
    assert len(rows) == len(result["images"]) + len(result["failures"])


def test_categories_that_are_no_classes(gradcam: Run) -> None:
    cats(1)
    data = table("cat0.png,moggy,0,0,100,120")
    code, _, err = gradcam("check", data, *MODEL)
    assert code == 2
    assert err.count("\n") == 1
    assert "'moggy' of the data set is no class of the model. Pass --category NAME=CLASS" in err
    options = ("--category", "moggy=Egyptian cat", "--json")
    result = parsed(gradcam("check", data, *MODEL, *options))
    assert result["images"][0]["class"] == {"index": 285, "name": "Egyptian_cat"}
    for wrong in ("moggy", "=285", "moggy="):
        code, _, err = gradcam("check", data, *MODEL, "--category", wrong)
        assert (code, err.count("\n")) == (2, 1)


def test_folders_named_after_classes_have_no_objects(gradcam: Run) -> None:
    for name in ("espresso", "tripod"):
        Path("val", name).mkdir(parents=True)
        Path("val", name, "a.jpg").write_bytes((SAMPLES / f"{name}.jpg").read_bytes())
    result = parsed(gradcam("check", "val", *MODEL, "--json"))
    assert [each["class"]["name"] for each in result["images"]] == ["espresso", "tripod"]
    assert (result["summary"]["top1"], result["summary"]["lift"]) == (1.0, None)
    assert gradcam("check", "val", *MODEL, "--min-lift", 1, "-q")[0] == 1


def test_what_is_done_is_not_done_again(gradcam: Run) -> None:
    data = cats(3)
    first = gradcam("check", data, *MODEL, "--json")[1]
    before = Path("gradcam-check", FILE).read_bytes()
    assert gradcam("check", data, *MODEL, "--json")[1] == first
    assert Path("gradcam-check", FILE).read_bytes() == before
    lines = data.read_text().splitlines()
    lines[2] = lines[2].replace("100,120", "60,50")
    data.write_text("\n".join(lines))
    again = json.loads(gradcam("check", data, *MODEL, "--json")[1])
    assert len(Path("gradcam-check", FILE).read_bytes().splitlines()) == 4
    sizes = [each["object_size"] for each in again["images"]]
    assert sizes[1] == pytest.approx(sizes[0] / 4, rel=0.01)


def test_a_run_that_was_killed_goes_on(gradcam: Run) -> None:
    data = cats(60)
    command = [sys.executable, "-m", "gradcam_cli", "check", str(data), *MODEL, "-q"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    manifest = Path("gradcam-check", FILE)
    while not manifest.exists() or not manifest.read_bytes():
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = {record.source: record for record in records(manifest.parent)}
    assert 0 < len(done) < 60
    code, out, _ = gradcam("check", data, *MODEL, "--json")
    assert (code, json.loads(out)["summary"]["images"]) == (0, 60)
    for record in records(manifest.parent):
        assert record == done.get(record.source, record)


def test_an_unusable_place_is_refused_before_anything_is_measured(gradcam: Run) -> None:
    Path("folder.html").mkdir()
    for options in (
        ("--csv", "none/out.csv"),
        ("--junit", "none/out.xml"),
        ("--report", "page.txt"),
        ("--report", "folder.html"),
        ("--csv", DATA),
        ("--csv", SAMPLES / "tripod.jpg"),
        ("--junit", SAMPLES / "tripod.jpg"),
        ("--baseline", "none.json"),
        ("--baseline", "folder.html"),
        ("--images", "none"),
    ):
        code, out, err = gradcam("check", DATA, *MODEL, *options)
        assert (code, out, err.count("\n")) == (2, "", 1), options
    assert not Path("gradcam-check").exists()
