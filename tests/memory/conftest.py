"""Stores of the tiny scene: a hum on the left from 1 to 3 s, a hiss behind from 4 to 5 s."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elsa_rt.config import Config
from elsa_rt.memory.job import Job, Report
from elsa_rt.memory.remember import remember

Remember = Callable[..., Report]

BEGAN = "2026-11-27T08:00+00:00"


@pytest.fixture
def remember_files(bundle: Path) -> Remember:
    """Put files into a store, in this process."""

    def put(store: Path, *paths: Path, **changes: object) -> Report:
        settings = {"jobs": 1, "began": BEGAN} | changes
        return remember(
            paths,
            store,
            Job(Config(bundle=str(bundle)), **settings),  # type: ignore[arg-type]
            on_notice=pytest.fail,
            on_total=lambda _: None,
            on_progress=lambda _: None,
        )

    return put


@pytest.fixture
def store(tmp_path: Path, recording: Path, remember_files: Remember) -> Path:
    """A store of the scene."""
    path = tmp_path / "past"
    remember_files(path, recording)
    return path
