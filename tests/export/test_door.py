"""``python -m export``: one door to every tool."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from export.__main__ import TOOLS, main

Capture = pytest.CaptureFixture[str]


def test_every_tool_is_there() -> None:
    for module, about in TOOLS.values():
        assert find_spec(module) is not None
        assert about


def test_it_lists_its_tools(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "argv", ["export", "--help"])
    main()
    out = capsys.readouterr().out
    assert all(f"  {tool} " in out for tool in TOOLS)


@pytest.mark.parametrize("argv", [["export"], ["export", "trian"]])
def test_what_is_no_tool(argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "usage: python -m export TOOL" in capsys.readouterr().err


def test_a_tool_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("runpy.run_module", lambda module, **_: ran.append((module, sys.argv)))
    monkeypatch.setattr(sys, "argv", ["export", "demo", "--help"])
    main()
    assert ran == [("export.scenes.demo", ["python -m export demo", "--help"])]
