"""Which room may import what, as pyproject.toml has it."""

from __future__ import annotations

from importlinter.cli import lint_imports


def test_the_walls_stand(monkeypatch, request) -> None:
    monkeypatch.chdir(request.config.rootpath)
    assert lint_imports(is_debug_mode=False) == 0
