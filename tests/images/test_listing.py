"""What sources come to: which pictures, in which order, and where their outputs go."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.images.fetching import url_stem
from gradcam_cli.images.listing import EXTENSIONS, Item, list_items, read_source_list
from gradcam_cli.images.output_stems import MAX_BYTES
from gradcam_cli.images.source_kinds import is_single
from tests.conftest import as_nobody

many = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


RESERVED = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"
}


def make(*names: str) -> None:
    """Empty files in the working folder."""
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def sources(*given: str, **options: Any) -> list[str]:
    return [item.source for item in list_items(given, **options).items]


def places(*given: str, **options: Any) -> list[str]:
    return [item.output_stem for item in list_items(given, **options).items]


def errors(*given: str, **options: Any) -> dict[str, str]:
    return {item.source: item.error for item in list_items(given, **options).items if item.error}


def item_of(source: str, place: str, error: str = "") -> Item:
    return Item(source, place, os.path.abspath(source), error)  # noqa: PTH100


def check_places(items: Iterable[Item]) -> None:
    """Assert that every place stays inside the folder, on every system, and is no other's."""
    seen, outputs, folders = set(), set(), set()
    for item in items:
        for way in (PurePosixPath, PureWindowsPath):
            path = way(item.output_stem)
            assert not path.is_absolute()
            assert not path.drive
            assert not path.root
            assert ".." not in path.parts
            assert path.as_posix() == item.output_stem
        for part in item.output_stem.split("/"):
            assert part == part.rstrip(" .") != ""
            assert len(part.encode()) <= MAX_BYTES
            assert part.partition(".")[0].rstrip().upper() not in RESERVED
            assert not set(part) & set('\0\n<>:"|?*\\')
        folded = unicodedata.normalize("NFC", item.output_stem).casefold()
        assert folded not in seen
        seen.add(folded)
        outputs |= {folded + end for end in (".gradcam.jpg", ".285.gradcam.jpg", ".npy")}
        folders |= set(map(str, PurePosixPath(folded).parents))
    assert not (outputs | {"gradcam.jsonl"}) & folders


# One source or many


@pytest.mark.parametrize(
    ("given", "single"),
    [
        (["photo.jpg"], True),
        (["missing.jpg"], True),
        (["-"], True),
        (["https://example.org/?q=[*]"], True),
        (["s3://bucket/*.jpg"], True),
        (["a[1].jpg"], True),
        (["dangling[1].jpg"], True),
        ([""], True),
        (["a\0b"], True),
        (["folder"], False),
        (["folder/"], False),
        (["holiday [2020]"], False),
        (["*.jpg"], False),
        (["b[1].jpg"], False),
        (["photo.jpg", "photo.jpg"], False),
        ([], False),
    ],
)
def test_what_is_a_single_picture(given: list[str], single: bool) -> None:
    make("photo.jpg", "a[1].jpg", "folder/x.jpg", "holiday [2020]/x.jpg")
    Path("dangling[1].jpg").symlink_to("nowhere")
    assert is_single(given) is single


# Files


def test_files_are_taken_as_they_are_named() -> None:
    make("b.jpg", "a.JPEG", "notes.txt", "deep/er/c.tar.gz", ".hidden.png", "bare")
    given = ["b.jpg", "a.JPEG", "notes.txt", "./deep/../deep/er/c.tar.gz", ".hidden.png", "bare"]
    assert sources(*given, exclude=["*"], include=["x"]) == given
    assert places(*given) == ["b", "a", "notes", "c.tar", ".hidden", "bare"]


def test_a_file_is_taken_once_however_it_is_named() -> None:
    make("birds/crow.jpg")
    absolute = str(Path("birds/crow.jpg").absolute())
    given = ("birds/crow.jpg", "./birds//crow.jpg", absolute, "birds", "birds/*", "birds/../birds/")
    assert sources(*given) == ["birds/crow.jpg"]


def test_what_is_not_there_is_told_and_takes_its_place_in_the_order() -> None:
    make("a.jpg", "c.jpg")
    Path("dangling.jpg").symlink_to("nowhere")
    Path("loop.jpg").symlink_to("loop.jpg")
    given = ["a.jpg", "b.jpg", "a.jpg/x", "dangling.jpg", "loop.jpg", "", "x\0y", "x" * 300]
    found = list_items([*given, "ftp://host/x.jpg", "b.jpg", "c.jpg"]).items
    assert [item.source for item in found] == [*given, "ftp://host/x.jpg", "c.jpg"]
    assert {item.source: item.error for item in found if item.error} == {
        "b.jpg": "there is no such file",
        "a.jpg/x": "there is no such file",
        "dangling.jpg": "there is no such file",
        "loop.jpg": "Too many levels of symbolic links",
        "": "its path is empty",
        "x\0y": "there can be none",
        "x" * 300: "File name too long",
        "ftp://host/x.jpg": "of URLs only http and https are read",
    }
    check_places(found)


def test_a_file_behind_a_closed_door() -> None:
    make("closed/a.jpg")
    Path("closed").chmod(0o600)
    with as_nobody():
        assert errors("closed/a.jpg") == {"closed/a.jpg": "permission was denied"}


def test_a_pipe_that_is_named_is_taken() -> None:
    os.mkfifo("pipe")
    assert sources("pipe") == ["pipe"]


def test_standard_input_is_not_one_of_many() -> None:
    make("a.jpg", "-")
    for named in (["a.jpg", "-"], ["-"]):
        with pytest.raises(UsageError, match=r"standard input, -, is for a single picture.*\./-"):
            list_items(named)
    assert sources("./-") == ["./-"]
    assert sources("?") == ["./-"]


# Folders


def test_the_pictures_of_a_folder_in_order() -> None:
    pictures = [f"x{extension}" for extension in EXTENSIONS]
    make(*(f"photos/{name}" for name in [*pictures, "A.PNG", "notes.txt", "jpg", ".x.jpg"]))
    make("photos/deeper/y.jpg", "photos/.hidden/z.jpg")
    expected = [f"photos/{name}" for name in ["A.PNG", *sorted(pictures)]]
    assert sources("photos") == expected
    assert sources("photos/") == expected


def test_all_levels_sorted_by_path() -> None:
    make("p/b.jpg", "p/b/a.jpg", "p/b-c/a.jpg", "p/a.jpg", "p/.git/a.jpg", "p/b/.a.jpg", "p/é.jpg")
    assert places("p", recursive=True) == ["a", "b-c/a", "b", "b/a", "é"]
    assert sources("p", recursive=True)[1] == "p/b-c/a.jpg"


def test_a_folder_is_where_places_start() -> None:
    make("photos/birds/crow.jpg", "photos/cat.jpg", "more/birds/owl.jpg")
    assert places("photos", "more", recursive=True) == ["birds/crow", "cat", "birds/owl"]
    assert places("photos/birds") == ["crow"]
    os.chdir("photos")
    assert list_items(["."], recursive=True).items == [
        item_of("./birds/crow.jpg", "birds/crow"),
        item_of("./cat.jpg", "cat"),
    ]
    assert places("..", recursive=True) == ["more/birds/owl", "photos/birds/crow", "photos/cat"]


def test_the_default_folder_of_outputs_is_entered_only_where_it_is_named(own_home: Path) -> None:
    for folder in ("gradcam-out", "in/gradcam-out", "gradcam-out-2"):
        Path(folder).mkdir(parents=True)
        Path(folder, "a.jpg").touch()
    assert [item.source for item in list_items(["."], recursive=True).items] == [
        "./gradcam-out-2/a.jpg"
    ]
    assert [item.source for item in list_items(["gradcam-out"]).items] == ["gradcam-out/a.jpg"]


def test_links_to_files_are_followed_and_links_to_folders_are_not() -> None:
    make("photos/a.jpg", "elsewhere/b.jpg")
    Path("photos/link.jpg").symlink_to("../elsewhere/b.jpg")
    Path("photos/self").symlink_to(".")
    Path("photos/folder.jpg").symlink_to("../elsewhere")
    Path("photos/nothing.jpg").symlink_to("nowhere")
    Path("photos/loop.jpg").symlink_to("loop.jpg")
    names = ["a", "link", "loop", "nothing"]
    assert places("photos", recursive=True) == names
    Path("entry").symlink_to("photos")
    assert places("entry", recursive=True) == names


def test_pipes_in_folders_are_left_alone() -> None:
    make("photos/a.jpg")
    os.mkfifo("photos/pipe.jpg")
    Path("photos/link.jpg").symlink_to("pipe.jpg")
    assert places("photos") == ["a"]


def test_a_folder_that_cannot_be_listed_is_told() -> None:
    make("photos/a.jpg", "photos/closed/b.jpg", "photos/d.jpg", "shut/c.jpg")
    Path("photos/closed").chmod(0)
    Path("shut").chmod(0)
    with as_nobody():
        found = list_items(["photos", "shut", "photos/closed"], recursive=True).items
        assert places("photos") == ["a", "d"]
        deep = errors("photos/**/*.jpg")
    denied = "this folder cannot be listed: permission was denied"
    assert found == [
        item_of("photos/a.jpg", "a"),
        item_of("photos/closed", "closed", denied),
        item_of("photos/d.jpg", "d"),
        item_of("shut", "shut", denied),
    ]
    assert deep == {"photos/closed": denied}


def test_a_folder_of_no_pictures_comes_to_nothing() -> None:
    Path("empty").mkdir()
    assert list_items(["empty"]).items == []
    assert list_items([]).items == []


def test_a_folder_deeper_than_functions_may_call_each_other(own_home: Path) -> None:
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    make("a.jpg")
    try:
        assert places(str(own_home), recursive=True) == ["d/" * depth + "a"]
    finally:  # pytest cannot remove it
        Path("a.jpg").unlink()
        for _ in range(depth):
            os.chdir("..")
            Path("d").rmdir()


# Patterns


@pytest.fixture
def mixed() -> None:
    make(
        "p/a.jpg", "p/b.raw", "p/birds/c.jpg", "p/birds/d.raw", "p/birds/old/e.jpg", "p/cats/f.JPG"
    )


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ([], [], "a birds/c birds/old/e cats/f"),
        (["*.raw"], [], "b birds/d"),
        (["*.raw", "a*"], [], "a b birds/d"),
        (["birds/*"], [], "birds/c birds/d birds/old/e"),
        (["*.jpg"], [], "a birds/c birds/old/e"),
        (["[ab].*"], [], "a b"),
        (["birds/"], [], "birds/c birds/old/e"),
        (["birds/old/", "*.raw"], [], "b birds/d birds/old/e"),
        (["birds"], [], ""),
        (["", "/"], [], ""),
        ([], ["*.jpg"], "cats/f"),
        ([], ["birds"], "a cats/f"),
        ([], ["birds/"], "a cats/f"),
        ([], ["old/"], "a birds/c cats/f"),
        ([], ["birds/old"], "a birds/c cats/f"),
        ([], ["birds/*.jpg"], "a cats/f"),
        ([], ["a.jpg/", "", "/"], "a birds/c birds/old/e cats/f"),
        ([], ["p"], "a birds/c birds/old/e cats/f"),
        (["*.jpg"], ["?.jpg"], ""),
        (["birds/"], ["old"], "birds/c"),
        (["*"], ["*/*"], "a b"),
    ],
)
def test_include_and_exclude(include: list[str], exclude: list[str], expected: str) -> None:
    found = places("p", recursive=True, include=include, exclude=exclude)
    assert found == expected.split()


def test_a_pattern_with_a_line_break_or_a_bracket() -> None:
    make("p/a\nb.jpg", "p/c[1].jpg", "p/[.jpg")
    assert places("p", exclude=["a?b*", "[[].jpg"]) == ["c[1]"]


# Globs


def test_globs_are_expanded_in_order() -> None:
    make("g/b.jpg", "g/a.jpg", "g/notes.txt", "g/sub/c.jpg", "g/sub/d.txt", "g/.h.jpg")
    assert sources("g/*.jpg") == ["g/a.jpg", "g/b.jpg"]
    assert sources("g/*") == ["g/a.jpg", "g/b.jpg", "g/notes.txt", "g/sub/c.jpg"]
    assert sources("g/[b-z].jp?") == ["g/b.jpg"]
    assert places("g/*/*.jpg") == ["c"]


def test_globs_of_any_depth() -> None:
    make("g/a.jpg", "g/x/b.jpg", "g/x/y/c.jpg", "g/x/n.txt", "g/.h/d.jpg", "g/z/y/q/e.jpg")
    deep = ["g/a.jpg", "g/x/b.jpg", "g/x/y/c.jpg", "g/z/y/q/e.jpg"]
    for pattern in ("g/**/*.jpg", "**/*.jpg", "g/**/**/*.jpg", "*/**/*.jpg", "g/**/", "./**/*.jpg"):
        assert [os.path.normpath(each) for each in sources(pattern)] == deep
    assert sources("g/**") == [*deep[:2], "g/x/n.txt", *deep[2:]]
    assert sources("g/**/y/*.jpg") == ["g/x/y/c.jpg"]
    assert sources("g/**/y/**/*.jpg") == ["g/x/y/c.jpg", "g/z/y/q/e.jpg"]
    assert sources("g/**.jpg") == ["g/a.jpg"]


def test_a_glob_of_any_depth_is_not_caught_in_links_that_loop() -> None:
    make("g/a.jpg", "g/x/b.jpg")
    for name in ("g/one", "g/two", "g/x/three"):
        Path(name).symlink_to(Path("g").absolute())
    assert sources("g/**/*.jpg") == ["g/a.jpg", "g/x/b.jpg"]


def test_a_glob_in_folders_with_magic_names() -> None:
    make("g/[1]/a.jpg", "g/**/b.jpg", "g/1/c.jpg")
    assert sources("g/**/?.jpg") == ["g/**/b.jpg", "g/1/c.jpg", "g/[1]/a.jpg"]


def test_a_file_with_a_magic_name_is_that_file() -> None:
    make("a[1].jpg", "a1.jpg", "w*.jpg", "wide.jpg", "d[1]/b.jpg")
    assert sources("a[1].jpg", "w*.jpg", "d[1]") == ["a[1].jpg", "w*.jpg", "d[1]/b.jpg"]


def test_a_glob_that_matches_nothing() -> None:
    given = ("*.jpg", "none/**/*.jpg", "[", "a\0*", "**/")
    assert errors(*given) == dict.fromkeys(given, "nothing matches")
    check_places(list_items(given).items)


def test_a_link_to_nothing_that_matches_is_told() -> None:
    Path("a.jpg").symlink_to("nowhere")
    assert errors("*.jpg") == {"a.jpg": "there is no such file"}


# Outputs of earlier runs


def test_outputs_of_earlier_runs_are_no_sources() -> None:
    make("p/a.jpg", "p/a.gradcam.jpg", "p/a.285.GradCam.Jpg", "p/notes.txt")
    for named in (["p"], ["p/*.*[gG]"], sorted(map(str, Path("p").glob("*g"))), ["p", "p/*.*[gG]"]):
        found = list_items(named)
        assert [item.output_stem for item in found.items] == ["a"]
        assert found.skipped_outputs == 2
    assert list_items(["p"], exclude=["*.*.*"]).skipped_outputs == 0


def test_only_files_are_outputs() -> None:
    given = ["missing.gradcam.jpg", "http://host/x.gradcam.jpg"]
    found = list_items(given)
    assert ([item.source for item in found.items], found.skipped_outputs) == (given, 0)


# Places


def test_the_first_has_the_plain_place() -> None:
    make("a/crow.jpg", "b/crow.png", "c/crow.jpg", "d/crow.png", "e/crow")
    found = places("a/crow.jpg", "b/crow.png", "c/crow.jpg", "d/crow.png", "e/crow")
    assert found[:3] == ["crow", "crow.png", "crow.jpg"]
    assert all(len(place) == len("crow-01234567") for place in found[3:])
    assert len(set(found)) == 5


def test_a_digest_is_of_the_absolute_path_or_url() -> None:
    found = list_items([f"http://{host}/x.jpg" for host in "abcd"]).items
    assert [item.output_stem for item in found] == ["x", "x.jpg", "x-c7cb2888", "x-0998990f"]


def test_a_place_that_looks_like_a_digest_is_not_given_twice() -> None:
    urls = [f"http://{host}/x.jpg" for host in "abcd"]
    found = places("http://e/x-c7cb2888.jpg", *urls)
    assert found[:3] == ["x-c7cb2888", "x", "x.jpg"]
    assert len(set(found)) == 5


def test_names_that_some_system_takes_for_the_same() -> None:
    make("p/Crow.jpg", "p/crow.jpg", "p/é.jpg", "p/e\u0301.jpg", "p/Straße.jpg", "p/STRASSE.jpg")
    found = list_items(["p"]).items
    assert {"Crow", "crow.jpg", "e\u0301", "é.jpg", "STRASSE", "Straße.jpg"} == {
        item.output_stem for item in found
    }
    check_places(found)


def test_folders_that_some_system_takes_for_the_same() -> None:
    make("p/Birds/a.jpg", "p/birds/A.jpg", "p/birds/b.jpg")
    assert places("p", recursive=True) == ["Birds/a", "birds/A.jpg", "birds/b"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("line\nbreak.jpg", "line_break"),
        ("it's “quoted”.jpg", "it's “quoted”"),
        ('"quoted".jpg', "_quoted_"),
        ("-rf.jpg", "-rf"),
        ("12:30.jpg", "12_30"),
        ("c:evil.jpg", "c_evil"),
        ("..\\..\\evil.jpg", ".._.._evil"),
        ("con.jpg", "_con"),
        ("CON .x.jpg", "_CON .x"),
        ("com¹.tar.gz", "_com¹.tar"),
        ("lpt0.jpg", "_lpt0"),
        ("console.jpg", "console"),
        (" .jpg", "_"),
        ("...jpg", "...jpg"),
        ("a. .jpg", "a"),
        ("con" + " " * 160 + "x.jpg", "_con"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf_"),
        ("雪だるま☃\u200d.jpg", "雪だるま☃\u200d"),
        ("é" * 100 + ".jpg", "é" * 75),
    ],
)
def test_odd_names(name: str, place: str) -> None:
    make(name)
    (item,) = list_items([f"./{name}"]).items
    assert item == item_of(f"./{name}", place)
    check_places([item])
    if not name.startswith("."):
        assert places(".", include=["*"]) == [place]


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("a.gradcam.jpg", "a_gradcam_jpg"),
        ("a.285.gradcam.JPG", "a_285_gradcam_JPG"),
        ("a.npy", "a_npy"),
        ("gradcam.jsonl", "gradcam_jsonl"),
        ("nul", "_nul"),
        ("v1.", "v1"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_a_folder_is_never_what_an_output_is_called(folder: str, part: str) -> None:
    make("p/a.gif", f"p/{folder}/x.jpg")
    found = list_items(["p"], recursive=True).items
    assert f"{part}/x" in [item.output_stem for item in found]
    check_places(found)


def test_long_names_that_differ_late() -> None:
    make(*(f"p/{'x' * 200}{end}" for end in ("1.jpg", "2.jpg", "3.png")))
    found = list_items(["p"]).items
    assert found[0].output_stem == "x" * 150
    assert [item.output_stem[:142] for item in found[1:]] == ["x" * 141 + "-"] * 2
    check_places(found)


def test_urls() -> None:
    given = [
        "https://u:p@h/a/crow.jpg?size=1#x",
        "http://h",
        "HTTP://h/%2e%2e%2fowl.tar.gz",
        "http://[",
    ]
    found = list_items([*given, given[0]]).items
    assert [item.source for item in found] == given
    assert [item.output_stem for item in found] == [
        "crow",
        "image",
        "owl.tar",
        found[3].output_stem,
    ]
    assert all(item.output_stem == url_stem(item.source) for item in found[:3])
    check_places(found)


def is_tame(source: str) -> bool:
    """False for standard input, and for what is in folders that are not the test's own."""
    outside = source.startswith("/") or ".." in source
    return (
        source != "-"
        and not Path(source.replace("\0", "")).is_dir()
        and not (outside and set("*?[") & set(source))
    )


@many
@given(st.lists(st.text(max_size=200), max_size=12))
@example(["a/b", "a", "A/B", "/", "//", "..", "../..", ".", "a/..", "C:\\x", "\\\\h\\s\\x"])
@example(["con", "CON", "con.x", "aux/", "x" * 151, "x" * 152, "é" * 80, "e\u0301" * 80])
@example(["\ud800", "\udcff", "a\0b", "a\0", "~", "~/x", "*", "**", "**/a/**", "[", "\u0345\u0301"])
def test_places_of_whatever_is_named(own_home: Path, given: list[str]) -> None:
    given = [each for each in given if is_tame(each)]
    found = list_items(given).items
    check_places(found)
    assert list_items(given).items == found


NAMES = st.text(
    st.characters(exclude_characters="/\0", max_codepoint=0x24F), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))


@many
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "B", "b", "á", "a.Gradcam.jpg", "á.NPY", "gradcam.jsonl"]),
            NAMES,
        ),
        max_size=10,
    )
)
def test_places_of_whatever_is_in_a_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("photos")
    paths = {folder.joinpath(inside, f"{name}.jpg") for inside, name in names}
    make(*map(str, paths))
    found = list_items([str(folder)], recursive=True).items
    check_places(found)
    taken = {p for p in paths if p.name[0] != "." and not p.name.lower().endswith(".gradcam.jpg")}
    assert {Path(item.source) for item in found} == taken
    assert list_items([str(folder)], recursive=True).items == found
    assert len(list_items([str(folder), *map(str, paths)], recursive=True).items) >= len(found)


@many
@given(
    st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["http://h/", "https://H/a/", "HTTP://", "http://h/?"]),
            st.text(max_size=180),
            st.sampled_from(["", ".jpg", ".JPG", ".png", "/", "%2f", "%00", "?x"]),
        ),
        max_size=10,
    )
)
def test_places_of_whatever_url(given: list[str]) -> None:
    found = list_items(given).items
    check_places(found)
    assert [item.source for item in found] == list(dict.fromkeys(given))
    assert list_items(given).items == found


# Lists


@pytest.mark.parametrize(
    ("data", "null", "names"),
    [
        (b"a.jpg\nb c.jpg\n", False, ["a.jpg", "b c.jpg"]),
        (b"a.jpg\r\nb.jpg", False, ["a.jpg", "b.jpg"]),
        (b"\xef\xbb\xbfa.jpg\n\n \t\r\n# x\n", False, ["a.jpg", "# x"]),
        (b" a .jpg \nx\ry\n", False, [" a .jpg ", "x\ry"]),
        (b"caf\xe9\nsn\xc3\xb6\n", False, ["caf\udce9", "snö"]),
        (b"", False, []),
        (b"a\nb\0\0 \0\r\n\0c", True, ["a\nb", " ", "\r\n", "c"]),
        (b"\xef\xbb\xbfa\0", True, ["\ufeffa"]),
        (b"", True, []),
    ],
)
def test_a_list(data: bytes, null: bool, names: list[str]) -> None:
    Path("list").write_bytes(data)
    assert read_source_list("list", null=null) == names
    assert read_source_list("-", null=null, stdin=io.BytesIO(data)) == names


@many
@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name)))
@example([b"\xef\xbb\xbf"])
def test_any_names_pass_through_a_list_with_nul(names: list[bytes]) -> None:
    data = b"".join(name + b"\0" for name in names)
    found = read_source_list("-", null=True, stdin=io.BytesIO(data))
    assert found == [os.fsdecode(name) for name in names]
    assert [os.fsencode(name) for name in found] == names


def test_standard_input_is_the_processes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\n")))
    assert read_source_list("-", null=False) == ["a.jpg"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing", "missing: there is no such file"),
        (".", ".: Is a directory"),
        ("a\0b", r"a\x00b: there can be none"),
        ("secret\n", r"secret\n: permission was denied"),
    ],
)
def test_a_list_that_cannot_be_read(path: str, why: str) -> None:
    make("secret\n")
    Path("secret\n").chmod(0)
    with as_nobody(), pytest.raises(UsageError) as refused:
        read_source_list(path, null=False)
    assert refused.value.what == f"cannot read the list {why}"
    assert "--from-file" in refused.value.remedy


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.BytesIO()
    closed.close()
    for stdin in (closed, None):
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(UsageError, match="the list on standard input"):
            read_source_list("-", null=False, stdin=stdin)


@pytest.mark.parametrize("data", [b"a.jpg\0b.jpg\0", "a.jpg\r\n".encode("utf-16")])
def test_a_list_with_nul_that_was_not_told_of(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"NUL is in it.*Pass -0"):
        read_source_list("-", null=False, stdin=io.BytesIO(data))


def test_names_of_a_list_are_from_the_working_folder() -> None:
    make("p/a.jpg")
    Path("p/list").write_text("p/a.jpg\n")
    assert list_items(read_source_list("p/list", null=False)).items == [item_of("p/a.jpg", "a")]


# What it loads


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys, gradcam_cli.images.listing; heavy = {'numpy', 'PIL', 'cv2', 'click', 'rich',"
        " 'requests', 'tensorflow', 'openvino'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
