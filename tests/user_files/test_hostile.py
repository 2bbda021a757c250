"""Files that would harm: refused within bounds, with the line, whoever reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.microphones.library import all_profiles
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.user_files.yaml_lines import MAX_BYTES

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}]\n"
    for n in range(7)
)
HOSTILE = {
    "aliases": BOMB,
    "tag": "title: !!int abc\n",
    "bool": "title: !!bool maybe\n",
    "python": "title: !!python/object/apply:os.system [true]\n",
    "digits": f"yaw_deg: 0x{'f' * 5_000}\n",
    "number": f"yaw_deg: {'9' * 5_000}\n",
    "deep": "title: " + "[" * 3_000 + "\n",
    "twice": "title: a\ntitle: b\n",
    "empty list": "formats: []\n",
    "itself": "title: &a [*a]\n",
    "long": "title: " + "x" * MAX_BYTES + "\n",
    "null byte": "title: a\0b\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_every_reader_refuses_in_a_sentence(text: str, tmp_path: Path) -> None:
    profile, rules, bundle = tmp_path / "p.yaml", tmp_path / "r.yaml", tmp_path / "model.yaml"
    for path, read in (
        (profile, lambda: read_profile(profile)),
        (rules, lambda: read_rules(rules)),
        (bundle, lambda: ModelBundle.load(tmp_path)),
    ):
        path.write_text("schema: 1\n" + text, encoding="utf-8")
        with pytest.raises(ElsaError) as refused:
            read()
        assert len(str(refused.value)) < 2_000
        assert str(path) in str(refused.value)


def test_what_looks_like_a_date_is_text(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("schema: 1\ntitle: 2020-99-99\n", encoding="utf-8")
    assert read_profile(path).title == "2020-99-99"


def test_a_pipe_in_place_of_a_profile_is_refused_at_once(tmp_path: Path) -> None:
    import os

    path = tmp_path / "fifo.yaml"
    os.mkfifo(path)
    with pytest.raises(ElsaError, match="no regular file"):
        read_profile(path)


def test_one_hostile_profile_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "elsa-rt" / "microphones"
    own.mkdir(parents=True)
    before = len(all_profiles())
    for name, text in HOSTILE.items():
        (own / f"{name}.yaml").write_text("schema: 1\n" + text, encoding="utf-8")
    said: list[str] = []
    assert len(all_profiles(said.append)) == before
    assert len(said) == len(HOSTILE)
