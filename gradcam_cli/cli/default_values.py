"""Options' default values from the settings file, as Click takes them: its `default_map`.

    alpha = 0.4              every command with such an option
    [explain] alpha = 0.4    `gradcam explain`
    [models.pull] ...        `gradcam models pull`, and [models] for it and `gradcam models`

A key is the option's long name. Everything is checked when the file is read, also what other
commands would use, so that a mistake is known at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.types import FloatParamType, IntParamType, StringParamType

from gradcam_cli.cli.settings_file import SettingsFile
from gradcam_cli.errors import UsageError

_BY_HAND_ONLY = ("custom-objects", "trust-model")
"""A settings file may have come with a model from somebody else."""

_PATH_OPTIONS = {"output", "save_heatmap", "from_file", "baselines"}
"""Options that are paths though their type is text, which keeps a / at their end."""


def options_by_key(command: click.Command) -> dict[str, click.Option]:
    """The options of `command` that a settings file may set, by their long names."""
    options = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.expose_value:
            for name in parameter.opts:
                if name.startswith("--") and not parameter.is_eager:
                    options[name.removeprefix("--")] = parameter
    return options


def subcommands(command: click.Command) -> Mapping[str, click.Command]:
    """The commands of a group by name; none of another command."""
    return command.commands if isinstance(command, click.Group) else {}


def default_map(root: click.Group, file: SettingsFile) -> dict[str, Any]:
    """The settings in `file` by the names of commands and of their parameters.

    Raises
    ------
    UsageError
        For an unknown key, or a value that the option does not take.
    """
    return _defaults(root, "gradcam", _Table(file.path, "", file.values), {})


@dataclass(frozen=True)
class _Table:
    """A table of the file, and where it is: `prefix` stands before its keys."""

    file: Path
    prefix: str
    values: Mapping[str, Any]

    def subtable(self, name: str) -> _Table:
        values = self.values.get(name)  # an option may be called like a command
        return _Table(
            self.file, f"{self.prefix}{name}.", values if isinstance(values, dict) else {}
        )


@dataclass(frozen=True)
class _Setting:
    """A key of the file and its value."""

    file: Path
    key: str
    value: Any

    def error(self, what: str, remedy: str) -> UsageError:
        return UsageError(f"{self.file}: {self.key} {what}", remedy)


def _defaults(
    command: click.Command, path: str, table: _Table, inherited: Mapping[str, _Setting]
) -> dict[str, Any]:
    """The default map of `command`; what stands above its own table is `inherited`."""
    settings = {**inherited, **_settings_in(table, command, path)}
    defaults: dict[str, Any] = {
        str(option.name): _default_value(option, settings[key], path)
        for key, option in options_by_key(command).items()
        if key in settings
    }
    for name, subcommand in subcommands(command).items():
        defaults[name] = _defaults(subcommand, f"{path} {name}", table.subtable(name), settings)
    return defaults


def _settings_in(table: _Table, command: click.Command, path: str) -> dict[str, _Setting]:
    """The settings that stand in `table` itself, by the options' long names."""
    settings: dict[str, _Setting] = {}
    known = _kinds_by_key(command)
    for written, value in table.values.items():
        key = written.replace("_", "-")
        setting = _Setting(table.file, f"{table.prefix}{written}", value)
        if written in subcommands(command) and (isinstance(value, dict) or key not in known):
            if not isinstance(value, dict):
                raise setting.error("is a command", f"Write [{setting.key}] above its settings.")
        elif key not in known:
            raise _unknown(setting, written, command, path)
        elif key in _BY_HAND_ONLY:
            raise setting.error(
                "has code run, and is for the command line only", "Remove it there."
            )
        elif len(known[key]) > 1:
            raise setting.error(
                "is another thing in another command", "Write it in the table of one, as [explain]."
            )
        elif key in settings:
            raise setting.error(f"is the same as {settings[key].key}", "Remove one of them.")
        else:
            settings[key] = setting
    return settings


def _kinds_by_key(command: click.Command) -> dict[str, set[str]]:
    """What the options of `command` and those below it are to be, by their long names."""
    kinds: dict[str, set[str]] = {}
    for key, option in options_by_key(command).items():
        kinds.setdefault(key, set()).add(_types(option)[1])
    for subcommand in subcommands(command).values():
        for key, others in _kinds_by_key(subcommand).items():
            kinds.setdefault(key, set()).update(others)
    return kinds


def _unknown(setting: _Setting, written: str, command: click.Command, path: str) -> UsageError:
    from gradcam_cli.suggestions import closest, did_you_mean

    is_table = isinstance(setting.value, dict)
    known = subcommands(command) if is_table else _kinds_by_key(command)
    suggestion = did_you_mean(closest(written, known))
    listing = "gradcam config" + path.removeprefix("gradcam")
    kind = "command" if is_table else "setting"
    return setting.error(
        f"is no {kind} of `{path}`", f"{suggestion} `{listing}` lists all.".strip()
    )


def _default_value(option: click.Option, setting: _Setting, path: str) -> Any:
    """The value for the default map, which the option is sure to take."""
    is_list = option.multiple and isinstance(setting.value, list)
    values = setting.value if is_list else [setting.value]
    if not values:
        raise setting.error("is an empty list", "Write what it is to hold, or remove it.")
    converted = [_convert(option, setting, value) for value in values]
    value = converted if option.multiple else converted[0]
    try:
        option.type_cast_value(click.Context(click.Command(path)), value)
    except click.BadParameter as error:
        message = " ".join(error.message.split()).rstrip(".")
        raise setting.error(f"cannot be used: {message}", f"See `{path} --help`.") from error
    return value


def _convert(option: click.Option, setting: _Setting, value: Any) -> Any:
    """One value, of the type that the command line would make of text; paths from the folder."""
    types, expected = _types(option)
    if type(value) not in types:  # not isinstance: true and false are integers to Python
        lists = ", or a list of such" if option.multiple else ""
        raise setting.error(f"is to be {expected}{lists}, not {_toml(value)}", "Correct it there.")
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise setting.error("has a NUL in it, as no text may have", "Remove it there.")
    # Not Path, which would drop a / at the end, and start with a dot.
    folder = os.path.dirname(setting.file)  # noqa: PTH120
    path = os.path.join(folder, os.path.expanduser(value))  # noqa: PTH111, PTH118
    is_path = isinstance(option.type, click.Path) or option.name in _PATH_OPTIONS
    if option.name in ("model", "models"):  # a name, or a file
        is_path = os.path.exists(path)  # noqa: PTH110
    return path if is_path and value not in ("", "-") else value


def _types(option: click.Option) -> tuple[tuple[type, ...], str]:
    """What TOML may have for the option, and how that is called."""
    if option.is_flag:
        return (bool,), "true or false"
    if isinstance(option.type, IntParamType):
        return (int,), "a whole number"
    if isinstance(option.type, FloatParamType):
        return (int, float), "a number"
    if isinstance(option.type, StringParamType) and option.name not in _PATH_OPTIONS:
        return (str, int), "text"  # 285 is a class
    return (str,), "text"


def key_of_value_in(message: str, values: Mapping[str, Any], prefix: str = "") -> str | None:
    """The key of the first setting whose value `message` quotes."""
    for name, value in values.items():
        if isinstance(value, dict):
            if key := key_of_value_in(message, value, f"{prefix}{name}."):
                return key
        elif any(_is_quoted_in(message, str(item)) for item in _as_list(value)):
            return f"{prefix}{name}"
    return None


def _is_quoted_in(message: str, text: str) -> bool:
    """Whether it is, also as the end of a path."""
    quoted = repr(text)
    return quoted in message or f"/{quoted[1:]}" in message


def _toml(value: Any) -> str:
    return json.dumps(value, default=str)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
