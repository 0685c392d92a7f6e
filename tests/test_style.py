"""How long the package's functions and files are, and how many parameters they take.

The lines of a function are those that hold code, from its `def` to its end: without decorators,
docstring, comments and blank lines. A statement over several lines counts them all, and so does a
function inside another, once for itself and once for the other. The parameters are all that it
names, keyword-only ones, ``*args`` and ``**kwargs`` included, but for `self` and `cls`.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradcam_cli

PACKAGE = Path(gradcam_cli.__file__).parent
MEDIAN, NINETY_PERCENT, PARAMETERS, FILE = 8, 22, 7, 400
LOAD = {"load": 8}
"""`Explainer.load` has one more: it is the door for Python code, all by keyword."""
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function by ``file:line name``, its lines of code and its parameters."""

    name: str
    lines: int
    parameters: int


def lines_of_code(text: str) -> set[int]:
    """The numbers of the lines that hold a token of code; strings over several hold each."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    spans = [(each.start[0], each.end[0]) for each in tokens if each.type not in NO_CODE]
    return {line for first, last in spans for line in range(first, last + 1)}


def lines_of(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def measured(node: Definition, code: set[int], file: str) -> Function:
    lines = code & lines_of(node)
    if ast.get_docstring(node) is not None:
        lines -= lines_of(node.body[0])
    named = node.args
    names = [each.arg for each in (*named.posonlyargs, *named.args, *named.kwonlyargs)]
    names += [each.arg for each in (named.vararg, named.kwarg) if each is not None]
    parameters = len(names) - (names[:1] in (["self"], ["cls"]))
    return Function(f"{file}:{node.lineno} {node.name}", len(lines), parameters)


def functions_in(text: str, file: str) -> Iterator[Function]:
    code = lines_of_code(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Definition):
            yield measured(node, code, file)


FILES = {path.relative_to(PACKAGE.parent).as_posix(): path for path in PACKAGE.rglob("*.py")}
FUNCTIONS = [
    function
    for file, path in sorted(FILES.items())
    for function in functions_in(path.read_text("utf-8"), file)
]
LONG = [f"{each.name}: {each.lines}" for each in FUNCTIONS if each.lines > NINETY_PERCENT]


def test_what_is_counted() -> None:
    text = (
        "@decorated\n"
        "def f(self, a, /, b, *c, d, **e):  # a comment\n"
        '    """Two\n'
        '    lines."""\n'
        "\n"
        "    # Why.\n"
        "    def inner() -> None:\n"
        "        pass\n"
        "    return [\n"
        "        a,\n"
        "    ]\n"
    )
    outer, inner = sorted(functions_in(text, "f.py"), key=lambda each: each.name)
    assert outer == Function("f.py:2 f", lines=6, parameters=5)
    assert inner == Function("f.py:7 inner", lines=2, parameters=0)


def test_half_of_the_functions_are_short() -> None:
    assert statistics.median(each.lines for each in FUNCTIONS) <= MEDIAN, LONG


def test_nine_in_ten_functions_are_no_longer_than_a_glance_takes_in() -> None:
    assert statistics.quantiles((each.lines for each in FUNCTIONS), n=10)[-1] <= NINETY_PERCENT, (
        LONG
    )


def test_no_function_takes_many_parameters() -> None:
    many = [each for each in FUNCTIONS if each.parameters > PARAMETERS]
    assert {each.name.split()[-1]: each.parameters for each in many} == LOAD


def test_no_file_is_long() -> None:
    lengths = {file: len(path.read_text("utf-8").splitlines()) for file, path in FILES.items()}
    assert {file: length for file, length in lengths.items() if length > FILE} == {}
