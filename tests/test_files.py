"""Files come to be as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.files import (
    cache_directory,
    config_directory,
    data_directory,
    expanded,
    replacing,
)


def test_the_new_file_comes_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_the_file_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    for mode, private, then in ((0o600, False, 0o600), (0o664, False, 0o664), (0o664, True, 0o600)):
        path.write_text("old")
        path.chmod(mode)
        with replacing(path, private=private) as part:
            part.write_text("new")
        assert path.stat().st_mode & 0o777 == then


def test_what_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as part:
        part.write_text("ne\ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a user that has no entry in passwd, and no HOME."""

    def unknown(_: object) -> None:
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ELSA_RT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_directory_those_of_the_system_count() -> None:
    assert cache_directory() == Path("/var/cache/elsa-rt")
    assert data_directory() == Path("/var/lib/elsa-rt")
    assert config_directory() == Path("/etc/elsa-rt")


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("path", ["~/bundle", "~nobody-of-that-name/x"])
def test_a_home_directory_that_is_unknown_is_one_message(path: str) -> None:
    with pytest.raises(UsageError, match=r"home directory is unknown: write the whole path"):
        expanded(path)
    with pytest.raises(UsageError, match=r"home directory is unknown"):
        ModelBundle.load(path)
    assert expanded("/a/~") == Path("/a/~")
