"""The page asks the past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.listener import Listener
from elsa_rt.screens.rule_book import RuleBook
from elsa_rt.screens.web.commands import Commands
from elsa_rt.screens.web.hub import Hub
from elsa_rt.screens.web.live import LivePage


def page_of(bundle: Path, store: Path | None) -> LivePage:
    encoder = AudioEncoder(ModelBundle.load(bundle))
    config = Config(remember=None if store is None else str(store))
    listener = Listener(["hum"], config=config, encoder=encoder, on_notice=pytest.fail)
    about = {"source": "a test", "model": "tiny"}
    return LivePage(listener, RuleBook(listener), Hub(), about)


def ask(page: LivePage, **asked: Any) -> dict[str, Any]:
    message = {"do": "recall", "call": 1, "text": "", "since": ""} | asked
    reply: dict[str, Any] = json.loads(Commands(page).run(json.dumps(message)))
    return reply


def test_the_page_gets_rows_of_the_store(tmp_path: Path, bundle: Path, recording: Path) -> None:
    store = tmp_path / "past"
    asked = ["remember", str(recording), "--store", str(store), "--bundle", str(bundle)]
    assert main([*asked, "--jobs", "1", "--began", "2026-11-27T08:00Z"]) == 0
    page = page_of(bundle, store)
    assert json.loads(page.hello())["remembers"] is True
    reply = ask(page, text="hum")
    assert reply["ok"] is True
    assert reply["rows"][0]["labels"][0]["name"] == "hum"
    assert reply["summary"]["heard"] == 1
    assert len(ask(page, unusual=True)["rows"]) == 2
    assert ask(page, text="hum", since="2027-01-01")["rows"] == []
    wrong = ask(page, since="bananas")
    assert "the time 'bananas'" in wrong["error"]


def test_without_a_store_the_page_says_how_to_keep_one(bundle: Path) -> None:
    page = page_of(bundle, None)
    assert json.loads(page.hello())["remembers"] is False
    assert "elsa-rt serve --remember past" in ask(page, text="hum")["error"]
