"""Profiles: those that ship are sound, a user's own are found, what is wrong is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.microphones.library import (
    IN_CHECKOUT,
    all_profiles,
    find_profile,
    own_directory,
    profile_of,
    profiles_for_device,
)
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.profile_file import read_profile, write_profile

Capture = pytest.CaptureFixture[str]

ASKED = (
    "zoom-h3-vr", "rode-nt-sf1", "sennheiser-ambeo-vr", "core-sound-tetramic", "soundfield",
    "dpa-4", "zoom-h2n", "respeaker-4-mic", "zylia-zm-1", "eigenmike-em32", "tetrahedron",
)  # fmt: skip

FIGURES = ("device", "rates", "order", "radius_mm", "directivity", "channels")

SHIPPED = sorted(IN_CHECKOUT.glob("*.yaml"), key=lambda path: path.stem)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for the user's own profiles."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return own_directory()


def wrong(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=str(path)) as refused:
        read_profile(path)
    return str(refused.value)


def test_every_microphone_that_was_asked_for_ships() -> None:
    assert {path.stem for path in SHIPPED} >= set(ASKED)
    assert [profile.name for profile in all_profiles()] == [path.stem for path in SHIPPED]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_figure_has_its_source_or_is_unknown(path: Path) -> None:
    profile = read_profile(path)
    assert profile.title != profile.name
    assert profile.about
    assert "formats" in profile.sources
    for figure in FIGURES:
        known = getattr(profile, figure) not in (None, ())
        stated = {figure, f"capsules.{figure}"} & profile.sources.keys()
        if known:
            assert stated, f"{figure} of {path.stem} has no source"
    assert all(len(source) > 5 for source in profile.sources.values())


def test_a_users_own_wins_over_one_that_ships(own: Path) -> None:
    mine = replace(find_profile("tetrahedron"), title="mine", radius_mm=12.5, yaw_deg=-7.25)
    write_profile(mine, own / "tetrahedron.yaml")
    found = find_profile("tetrahedron")
    assert found == replace(mine, path=own / "tetrahedron.yaml")
    assert found.coincidence_hz == pytest.approx(343 / (2 * 3.14159265 * 0.0125))
    assert [p.title for p in all_profiles() if p.name == "tetrahedron"] == ["mine"]


def test_all_that_a_calibration_finds_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    profile = Profile(
        "all", "All of it", about="a sentence", formats=("a-format",), channels=(4, 2, 1, 3),
        device=("USB Mic",), rates=(48000,), mount="inverted",
        order=((180.0, 0.0), (-90.0, 0.0), (0.0, 0.0), (90.0, 0.0)), radius_mm=32.0,
        directivity=1.0, signs=(1.0, -1.0, 1.0, 1.0), gains_db=(0.5, -0.5, 1.25, -1.25),
        delays_us=(1.5, 0.0, -2.5, 1.0), yaw_deg=12.5, filters=tmp_path / "taps.npz",
        residual_deg=2.5, sources={"yaw_deg": "six claps"}, path=path,
    )  # fmt: skip
    write_profile(profile, path)
    assert read_profile(path) == profile
    assert [p.name for p in tmp_path.iterdir()] == ["all.yaml"]


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    head = "schema: 1\ntitle: Bad\n"
    assert "not YAML" in wrong(path, "a: [")
    assert "keys and values are needed" in wrong(path, "- a")
    assert "schema: 1 is missing" in wrong(path, "title: x")
    assert "line 3: unknown key 'radius': did you mean radius_mm?" in wrong(
        path, head + "capsules: {radius: 3}"
    )
    assert "formats: 'b-format' is unknown: choose ambix" in wrong(
        path, head + "formats: [b-format]"
    )
    assert "signs: a list of 3: 4 values in brackets" in wrong(path, head + "signs: [1, 1, 1]")
    assert "gains_db: nan: -60..60 is needed" in wrong(path, head + "gains_db: [0, 0, 0, .nan]")
    assert "a channel stands twice" in wrong(path, head + "channels: [1, 1, 2, 3]")
    assert "capsules.order" in wrong(path, head + "capsules: {directivity: 1}")
    with pytest.raises(UsageError, match="No such file"):
        read_profile(tmp_path / "missing.yaml")


def test_one_broken_file_does_not_hide_the_others(own: Path) -> None:
    own.mkdir(parents=True)
    (own / "broken.yaml").write_text("title: x", encoding="utf-8")
    said: list[str] = []
    assert len(all_profiles(said.append)) == len(SHIPPED)
    assert "broken.yaml" in said[0]


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(UsageError, match=r"did you mean zoom-h3-vr\? elsa-rt microphones"):
        profile_of(Config(microphone="zoom-h3vr"))


def test_spheres_of_higher_order_are_refused_with_the_cure() -> None:
    for name in ("zylia-zm-1", "eigenmike-em32"):
        with pytest.raises(UsageError, match=r"encode them first.*first four channels"):
            profile_of(Config(microphone=name))


def test_a_format_that_the_microphone_does_not_have() -> None:
    assert profile_of(Config(microphone="zoom-h3-vr", format="fuma")).format == "fuma"
    with pytest.raises(UsageError, match="--format fuma: Rode NT-SF1 gives a-format"):
        profile_of(Config(microphone="rode-nt-sf1", format="fuma"))


def test_settings_win_over_the_profile() -> None:
    assert profile_of(Config(microphone="respeaker-4-mic")).channels == (2, 3, 4, 5)
    chosen = profile_of(
        Config(microphone="respeaker-4-mic", channels=(1, 2, 3, 4), mount="inverted")
    )
    assert (chosen.channels, chosen.mount) == ((1, 2, 3, 4), "inverted")
    plain = profile_of(Config())
    assert (plain.format, plain.channels, plain.mount) == ("ambix", None, "upright")


def test_a_device_is_matched_by_a_part_of_its_name_own_profiles_first(own: Path) -> None:
    device = "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:1,0)"
    assert [p.name for p in profiles_for_device(device, all_profiles())] == ["respeaker-4-mic"]
    mine = replace(find_profile("respeaker-4-mic"), residual_deg=4.0)
    write_profile(mine, own / "zz-mine.yaml")
    names = [p.name for p in profiles_for_device(device, all_profiles())]
    assert names == ["zz-mine", "respeaker-4-mic"]
    assert profiles_for_device("HDA Intel PCH: ALC255 (hw:0,0)", all_profiles()) == []


def test_the_command_lists_them_and_shows_one(capsys: Capture) -> None:
    assert main(["microphones"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ASKED)
    assert "encode it first" in out
    assert main(["microphones", "respeaker-4-mic"]) == 0
    out = capsys.readouterr().out
    assert "32" in out
    assert "ODAS" in out
    assert "only the horizontal part" in " ".join(out.split())


def test_the_command_as_json(capsys: Capture) -> None:
    assert main(["microphones", "--json"]) == 0
    lines = {line["name"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert lines["respeaker-4-mic"]["coincidence_hz"] == 1706
    assert lines["rode-nt-sf1"]["radius_mm"] is None
    assert lines["zylia-zm-1"]["usable"] is False
