"""The configuration of a Keras model: which classes it names, and which of them bring code along.

Keras builds whatever a configuration names. So what a file names is looked at before Keras is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcam_cli.models.formats import keras_names
from gradcam_cli.models.formats.refusals import damaged, listed, refused, shown

DEEPEST = 200
_NO_CODE = "Rebuild it without, or pass --trust-model if you trust where it came from."
_EXPORT = "Export it to ONNX or SavedModel with the Keras that made it."
_KNOWN = keras_names.BUILT_IN | keras_names.VALUES
_FIELDS_OF_LAYERS = {"dtype", "trainable"}


@dataclass
class Findings:
    """What a configuration names.

    Attributes
    ----------
    classes : Counter
        How often each class is used.
    custom : dict of str to str
        Classes and functions that are no part of Keras, by name, with what they are.
    code : list of str
        What would run code that the file brings along, or read other files.
    gone : list of (str, str)
        Classes that Keras 3 no longer has, or cannot read from this kind of file, and what to do.
    wrong : list of str
        What no network is made of.
    """

    classes: Counter[str] = field(default_factory=Counter)
    custom: dict[str, str] = field(default_factory=dict)
    code: list[str] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def read_config(path: Path, text: str | bytes) -> dict[str, Any]:
    """The configuration in `text`, without how the model was compiled, which is left aside.

    Raises
    ------
    ModelError
        Where it is no configuration of a model.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, "Keras", f"its configuration is no JSON: {shown(error)}") from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise damaged(path, "Keras", "its configuration names no model")
    return {key: value for key, value in config.items() if key != "compile_config"}


def check_config(
    path: Path, config: dict[str, Any], trusted: frozenset[str], *, trust_all: bool
) -> Findings:
    """Refuse a configuration that runs code, or names a class that nobody has given.

    Parameters
    ----------
    config : dict
        As `read_config` gives it.
    trusted : frozenset of str
        The classes and functions that are given, with or without their package.
    trust_all : bool
        Let code that the file brings along run.

    Raises
    ------
    ModelError
        Says what it is, and what to do.
    """
    findings = _findings(path, config, trusted)
    if findings.wrong:
        raise refused(path, f"names {shown(findings.wrong[0])}, of which no network is made")
    if findings.code and not trust_all:
        raise refused(path, f"contains {shown(findings.code[0])}", _NO_CODE)
    if findings.gone:
        reason, remedy = findings.gone[0]
        raise refused(path, f"uses {reason}", remedy)
    missing = {name: kind for name, kind in findings.custom.items() if not _given(name, trusted)}
    if missing:
        raise _not_given(path, missing)
    return findings


def _not_given(path: Path, missing: dict[str, str]) -> Exception:
    described = [f"the custom {kind} {_short(name)}" for name, kind in missing.items()]
    first = shown(_short(next(iter(missing))))
    each = "" if len(missing) == 1 else ", and so for each"
    remedy = f"Pass --custom-objects module.py:{first}{each}."
    return refused(path, f"uses {listed(described)}", remedy)


def _short(name: str) -> str:
    """`name` without the package that it is registered under."""
    return name.rpartition(">")[2]


def _given(name: str, trusted: frozenset[str]) -> bool:
    return name in trusted or _short(name) in trusted


def _findings(path: Path, config: dict[str, Any], trusted: frozenset[str]) -> Findings:
    findings = Findings()
    for key, value in _parts(path, config):
        if isinstance(value, str):
            if value not in keras_names.ACTIVATIONS:
                findings.custom[value] = "activation"
            continue
        name = value["class_name"]
        findings.classes[name] += 1
        if reason := _code_in(name, value["config"]):
            findings.code.append(reason)
        elif name == "function":
            _look_at_function(findings, value, key)
        elif "module" in value:
            _look_at_class(findings, value, key)
        elif _given(name, trusted):
            findings.custom[name] = _kind(key)
        elif name not in _KNOWN:
            _look_at_old_class(findings, value, key)
        if name == "Lambda" and isinstance(value["config"], dict):
            _look_at_lambda(findings, value["config"])
    return findings


def _parts(path: Path, config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every object that is described in `config`, and every activation by its name.

    With the key it stands under, or the list it is in. What a custom layer calls its activation
    is its own affair.
    """
    stack: list[tuple[str, Any, int, bool]] = [("", config, 0, False)]
    while stack:
        key, value, depth, in_keras = stack.pop()
        if depth > DEEPEST:
            raise damaged(path, "Keras", f"its configuration is deeper than {DEEPEST} levels")
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and "config" in value:
                in_keras = value["class_name"] in keras_names.BUILT_IN
                yield key, value
            stack += [(inner, item, depth + 1, in_keras) for inner, item in value.items()]
        elif isinstance(value, list):
            stack += [(key, item, depth + 1, in_keras) for item in value]
        elif isinstance(value, str) and in_keras and key.endswith("activation"):
            yield key, value


def _kind(key: str) -> str:
    """What an object is, by the key it stands under."""
    if key in ("", "layers", "layer", "backward_layer", "cell", "cells"):
        return "layer"
    return key.rpartition("_")[2] if key.isascii() and key.isidentifier() else "object"


def _code_in(name: str, config: Any) -> str:
    """What of an object would run code of the file; empty if nothing would."""
    if name == "__lambda__":
        return "a lambda function, which runs code from the file"
    if name in keras_names.CODE_LAYERS:
        return f"a {name} layer, which runs code from the file or from where it points"
    if not isinstance(config, dict):
        return ""
    if name == "Lambda" and not _is_named(config.get("function")):
        return "a Lambda layer, which runs code from the file"
    if name in keras_names.LOOKUP_LAYERS and isinstance(config.get("vocabulary"), str):
        return f"a {name} layer, which reads the file {shown(config['vocabulary'])}"
    return ""


def _is_named(function: Any) -> bool:
    """True where a function is meant by its name, so that its code has to come from elsewhere."""
    if isinstance(function, dict):
        return function.get("class_name") == "function"
    return isinstance(function, str)


def _look_at_lambda(findings: Findings, config: dict[str, Any]) -> None:
    """Note the functions that a Lambda layer of Keras 2 has by their names."""
    for key in ("function", "mask", "output_shape"):
        if isinstance(config.get(key), str):
            findings.custom[config[key]] = "function"


def _look_at_function(findings: Findings, value: dict[str, Any], key: str) -> None:
    name, module = value["config"], value.get("module")
    if not isinstance(name, str) or not isinstance(module, str | None):
        findings.wrong.append(f"a function called {name}")
    elif module is not None and _is_of_keras(module):
        if _room(module) not in keras_names.FUNCTION_ROOMS | {""} or _looks_up(name):
            findings.wrong.append(f"{module}.{name}")
    elif name not in keras_names.ACTIVATIONS | keras_names.LOSSES:
        findings.custom[name] = "activation" if key.endswith("activation") else "function"


def _looks_up(name: str) -> bool:
    return name in keras_names.NOT_FOR_NETWORKS or not name.isidentifier() or name[0] == "_"


def _look_at_class(findings: Findings, value: dict[str, Any], key: str) -> None:
    """Note a class that a file of Keras 3 names with the module it is in."""
    name, module = value["class_name"], value["module"]
    if name in keras_names.VALUES:
        return
    if not isinstance(module, str) or not _is_of_keras(module):
        registered = value.get("registered_name")
        findings.custom[registered if isinstance(registered, str) else name] = _kind(key)
    elif _room(module) not in keras_names.CLASS_ROOMS | {""} or not _is_class(name):
        findings.wrong.append(f"{module}.{name}")


def _is_of_keras(module: str) -> bool:
    return module == "keras" or module.startswith("keras.")


def _room(module: str) -> str:
    """The part of keras that `module` is in: "layers" of ``keras.src.layers.core.dense``."""
    parts = [part for part in module.split(".")[1:] if part != "src"]
    return parts[0] if parts else ""


def _is_class(name: str) -> bool:
    return name.isidentifier() and name[:1].isupper()


def _look_at_old_class(findings: Findings, value: dict[str, Any], key: str) -> None:
    """Note a class that Keras does not have, of which a file of Keras 1 or 2 says the name only."""
    name, config = value["class_name"], value["config"]
    if name in keras_names.GONE:
        findings.gone.append((f"{name}, which Keras 3 no longer has", _EXPORT))
    elif isinstance(config, dict) and "inbound_nodes" in value and not _is_layer(config):
        reason = f"the operation {shown(name)}, which Keras cannot read from an .h5 file"
        findings.gone.append((reason, "Save the model as .keras instead."))
    else:
        findings.custom[name] = _kind(key)


def _is_layer(config: dict[str, Any]) -> bool:
    return bool(_FIELDS_OF_LAYERS & {*config})
