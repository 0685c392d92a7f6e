"""A check as JUnit's XML, which CI systems show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from gradcam_cli.images.writing import output_file
from gradcam_cli.reports.check.sentences import change_sentence, gate_sentence, measures_sentence
from gradcam_cli.results.check_summary import BY_NAME, worst_of
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.results.check_summary import CheckedClass, CheckResult, Judgement


def write_junit(path: Path, result: CheckResult, judgement: Judgement) -> None:
    """A test case for each gate, each measure that has a baseline, and each picture.

    A picture's fails where it is among the ten worst of a gate that is missed; one that could not
    be checked is an error.
    """
    suite = Element("testsuite", name="gradcam check")
    blamed = {
        (each.source, each.index): gate
        for gate in judgement.missed
        for each in worst_of(result, gate)
    }
    for gate in judgement.gates:
        case = _case(suite, "gates", f"{gate.threshold.option} {gate.class_name or 'all'}")
        if not gate.passed:
            _add(case, "failure", gate_sentence(gate))
    for change in judgement.changes:
        case = _case(suite, "baseline", BY_NAME[change.measure].title)
        if change.is_worse:
            _add(case, "failure", change_sentence(change))
    for each in result.checked:
        case = _case(suite, each.name, each.source)
        blaming = blamed.get((each.source, each.index))
        if blaming is not None:
            option = blaming.threshold.option
            _add(case, "failure", f"among the worst of {option}: {_values(each)}")
        else:
            SubElement(case, "system-out").text = printable(_values(each))
    for failed in result.failures:
        _add(_case(suite, "unreadable", failed.source), "error", failed.error)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    tree = ElementTree(suite)
    indent(tree)
    with output_file(path) as file:
        tree.write(file, encoding="utf-8", xml_declaration=True)


def _case(suite: Element, classname: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=printable(classname), name=printable(name))


def _add(case: Element, kind: str, text: str) -> None:
    SubElement(case, kind, message=printable(text))


def _values(checked: CheckedClass) -> str:
    return f"predicted {checked.predicted}; {measures_sentence(checked, BY_NAME)}"
