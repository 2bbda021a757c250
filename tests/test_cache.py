"""Arrays that are kept from start to start: found again, forgotten in turn, never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import cache


def test_what_cannot_be_kept_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "here"))
    assert cache.load("kind", "key") is None
    cache.save("kind", "key", {"x": np.arange(3)})
    kept = cache.load("kind", "key")
    assert kept is not None
    assert kept["x"].tolist() == [0, 1, 2]
    file = tmp_path / "here" / "kind" / "key.npz"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"no arrays")
    assert cache.load("kind", "key") is None
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "file"))
    cache.save("kind", "key", {"x": np.arange(3)})
    assert cache.load("kind", "key") is None


def test_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path))
    for index in range(cache.MOST_FILES + 3):
        cache.save("kind", f"key{index}", {"x": np.array([index])})
        path = tmp_path / "kind" / f"key{index}.npz"
        os.utime(path, (index, index))
    assert cache.load("kind", "key0") is None
    assert len(list((tmp_path / "kind").iterdir())) == cache.MOST_FILES
    assert cache.load("kind", f"key{cache.MOST_FILES + 2}") is not None


def test_keys_tell_what_they_are_of_apart() -> None:
    one = np.arange(4, dtype=np.float32)
    keys = {
        cache.digest("a", "bc"), cache.digest("ab", "c"), cache.digest(one),
        cache.digest(one.reshape(2, 2)), cache.digest(one.astype(np.float64)),
    }  # fmt: skip
    assert len(keys) == 5
    assert cache.digest(one, "x") == cache.digest(one.copy(), "x")
