"""A method as people write it: ``grad-cam``, ``integrated-gradients:steps=100``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gradcam_cli.arguments import describe
from gradcam_cli.errors import UsageError
from gradcam_cli.methods.contract import Maps, Method, Option, Question
from gradcam_cli.methods.table import METHODS
from gradcam_cli.passes import Pass
from gradcam_cli.suggestions import closest, did_you_mean, folded

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.?[0-9]*(e[+-]?[0-9]{1,3})?", re.IGNORECASE)


@dataclass(frozen=True)
class MethodChoice:
    """A method with its options.

    Attributes
    ----------
    method : Method
    options : mapping of str to int or float
        Every one of its options.
    """

    method: Method
    options: Mapping[str, float] = field(hash=False)

    @property
    def text(self) -> str:
        """As `parse_method` takes it, with those options only that are not the default.

        One choice has one text, whatever was written: it stands in JSON and in digests.
        """
        return ":".join(filter(None, (self.method.name, ",".join(self._changed("=")))))

    @property
    def slug(self) -> str:
        """The same for names of files: ``integrated-gradients-steps-100``."""
        return "-".join((self.method.name, *self._changed("-")))

    def maps(self, question: Question) -> Maps:
        """The method's answer with these options."""
        return self.method.maps(question, **self.options)

    def _changed(self, sign: str) -> list[str]:
        values = ((option, self.options[option.name]) for option in self.method.options)
        return [
            f"{option.name}{sign}{value}" for option, value in values if value != option.default
        ]


def parse_method(text: str) -> MethodChoice:
    """The method that `text` names, with its options: ``name`` or ``name:option=value,…``.

    In names, case, spaces, hyphens and underscores do not matter.

    Raises
    ------
    UsageError
        Where there is no such method or option, or a value cannot be.
    """
    name, colon, assignments = text.partition(":")
    method = find_method(name)
    options: dict[str, float] = {}
    for assignment in assignments.split(",") if colon else ():
        option, value = _option_of(method, assignment, text)
        if option.name in options:
            raise UsageError(
                f"expected {option.name} of {method.name} once, got it twice in {describe(text)}",
                "Leave one of them out.",
            )
        options[option.name] = value
    return MethodChoice(method, {**method.defaults, **options})


def parse_methods(methods: object) -> tuple[MethodChoice, ...]:
    """The methods that `methods`, a name or a sequence of them, names, each once.

    Raises
    ------
    UsageError
        Where it is no such thing, or as of `parse_method`.
    """
    sequence = [methods] if isinstance(methods, str) else methods
    if not isinstance(sequence, Iterable) or not (names := list(sequence)):
        raise UsageError(
            f"expected the names of methods, got {describe(methods)}",
            "Pass some of `gradcam methods`.",
        )
    for name in names:
        if not isinstance(name, str):
            raise UsageError(
                f"expected the name of a method, got {describe(name)}",
                "Pass one of `gradcam methods`.",
            )
    choices = [parse_method(name) for name in names]
    return tuple({choice.text: choice for choice in choices}.values())


def with_options(
    methods: Sequence[MethodChoice], assignments: Iterable[str]
) -> tuple[MethodChoice, ...]:
    """`methods` with options that are set as in ``steps=100``, each in all that have it.

    Raises
    ------
    UsageError
        Where none of them has such an option, or a value cannot be.
    """
    chosen = list(methods)
    for assignment in assignments:
        having = [number for number, choice in enumerate(chosen) if _has(choice.method, assignment)]
        if not having:
            raise _unknown_option(assignment, [choice.method for choice in chosen])
        for number in having:
            choice = chosen[number]
            option, value = _option_of(choice.method, assignment, assignment)
            chosen[number] = replace(choice, options={**choice.options, option.name: value})
    return tuple({choice.text: choice for choice in chosen}.values())


def _unknown_option(assignment: str, methods: Sequence[Method]) -> UsageError:
    names = ", ".join(method.name for method in methods)
    known = ", ".join({option.name: "" for method in methods for option in method.options})
    if not known:
        return UsageError(f"{names} takes no options, got {describe(assignment)}", "Drop --option.")
    return UsageError(
        f"expected an option of {names} ({known}), got {describe(assignment)}",
        "Write it as NAME=VALUE; `gradcam methods METHOD` tells what each is.",
    )


def _has(method: Method, assignment: str) -> bool:
    name = folded(assignment.partition("=")[0])
    return any(folded(option.name) == name for option in method.options)


def needs_of(methods: Iterable[MethodChoice], passes: Iterable[Pass] = ()) -> list[Pass]:
    """The passes that `methods` run, and then `passes`, each once."""
    of_methods = [need for choice in methods for need in choice.method.needs]
    return list(dict.fromkeys((*of_methods, *passes)))


def check_baselines_used(methods: Sequence[MethodChoice]) -> None:
    """Raise UsageError where none of `methods` compares pictures with baselines."""
    if not any(choice.method.uses_baseline for choice in methods):
        names = [method.name for method in METHODS.values() if method.uses_baseline]
        raise UsageError(
            f"baselines are of no use: {methods[0].method.name} compares pictures with none",
            f"Drop them, or choose among the methods {', '.join(names)}.",
        )


def find_method(name: str) -> Method:
    """The method called `name`; case, spaces, hyphens and underscores do not matter.

    Raises
    ------
    UsageError
        With the closest names where there is none.
    """
    by_folded = {folded(known_name): method for known_name, method in METHODS.items()}
    try:
        return by_folded[folded(name)]
    except KeyError:
        suggestions = closest(name, METHODS) if folded(name) else ()
        raise UsageError(
            f"there is no method called {describe(name)}",
            f"{did_you_mean(suggestions)} `gradcam methods` lists all.".strip(),
        ) from None


def _option_of(method: Method, assignment: str, text: str) -> tuple[Option, float]:
    """The option that `assignment` of `text` sets, and to what."""
    known = {folded(option.name): option for option in method.options}
    written, equals, value = assignment.partition("=")
    if not known:
        raise UsageError(
            f"{method.name} has no options, got {describe(text)}", f"Pass {method.name}."
        )
    if not equals or folded(written) not in known:
        listed = ", ".join(option.name for option in method.options)
        example = f"{method.name}:{method.options[0].name}={method.options[0].default}"
        raise UsageError(
            f"expected options of {method.name} ({listed}), got {describe(assignment)}",
            f"Write them as in {example}.",
        )
    option = known[folded(written)]
    return option, _number(option, value)


def _number(option: Option, text: str) -> float:
    """`text` as a value of `option`."""
    written = text.strip()
    pattern, number_of = (_WHOLE, int) if option.is_whole else (_DECIMAL, float)
    with suppress(ValueError):
        number = number_of(written)
        if pattern.fullmatch(written) and option.low <= number <= option.high:
            return number
    kind = "whole number" if option.is_whole else "number"
    raise UsageError(
        f"expected {option.name} to be a {kind} from {option.low} to {option.high}, "
        f"got {describe(text)}",
        f"Pass {option.name}={option.default}, for instance.",
    )
