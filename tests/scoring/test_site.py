"""What a site sounds like: learned by the command, used by listen, refused where it is no fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import elsa_rt
from elsa_rt.calibrate.site import SiteRecorder, save_site
from elsa_rt.cli import main
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.segments import MAX_GAP_STEPS, rows_at, segment
from elsa_rt.scoring.site import load_site, site_path
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.testing import sound
from tests.support.tiny_bundle import make_bundle, rehash

RATE = 16_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy seconds in which it hums, and each ten seconds hisses for one."""
    foa = np.random.default_rng(0).normal(0, 1e-4, (4, 70 * RATE)).astype(np.float32)
    foa[:, : 40 * RATE] += sound("hum", 40, 30, 0, RATE)
    path = tmp_path_factory.mktemp("home") / "home.wav"
    soundfile.write(path, foa.T, RATE)
    return path


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def learn(home: Path, bundle: Path, *options: str) -> int:
    return main(["calibrate", "site", str(home), "--bundle", str(bundle), *options])


def asked_of_a_hum(bundle: Path, site: str | None = None) -> float:
    """The log odds that a hum must reach at one false alarm an hour."""
    loaded = ModelBundle.load(bundle)
    statistics, bank = Statistics.load(loaded), PromptBank.encode(loaded, ["a hum"])
    here = None if site is None else load_site(site, loaded, statistics)
    scorer = Scorer(bank, statistics, elsa_rt.Config(), loaded.step_s, here)
    return float(scorer.curves.level_of(np.ones(1))[0])


def test_a_humming_site_asks_more_of_a_hum(
    home: Path, bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(home, bundle, "--name", "kitchen", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(data / "elsa-rt" / "sites" / "kitchen.npz")
    assert told["minutes"] == pytest.approx(70 / 60, abs=0.01)
    assert told["active_share"] == pytest.approx(40 / 70, abs=0.03)
    assert asked_of_a_hum(bundle, site="kitchen") > asked_of_a_hum(bundle) + 0.1
    assert Path(told["path"]).stat().st_size < 100_000  # statistics, no sound


def test_it_ends_after_the_minutes_that_were_asked_for(
    home: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "here.npz"
    assert learn(home, bundle, "--minutes", "1.05", "--output", str(target)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{target}: 1.1 minutes")
    assert f"--site {target}" in said
    assert np.isfinite(asked_of_a_hum(bundle, site=str(target)))


def test_too_little_is_refused(
    home: Path, bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(home, bundle, "--minutes", "0.5") == 1
    assert "at least 60 s are needed" in capsys.readouterr().err
    assert not list(data.rglob("*.npz"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "0"], "--minutes 0: more than 0"),
        (["--minutes", "nan"], "--minutes nan"),
        (["--name", "a/b"], "--name 'a/b': letters"),
        (["--output", "site.txt"], "a site is a .npz file"),
    ],
)
def test_asked_wrongly(
    home: Path, bundle: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(home, bundle, *options) == 2
    assert said in capsys.readouterr().err


def test_a_site_of_another_model_is_refused(home: Path, bundle: Path, tmp_path: Path) -> None:
    assert learn(home, bundle, "--name", "old") == 0
    other = make_bundle(tmp_path / "other")
    with np.load(other / "scores.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(other / "scores.npz", **(arrays | {"basis": -arrays["basis"]}))
    rehash(other)
    with pytest.raises(UsageError, match="learned with another model than tiny 1 .* again"):
        asked_of_a_hum(other, site="old")


def test_a_site_stays_of_use_where_the_model_tells_more_apart(
    home: Path, bundle: Path, tmp_path: Path
) -> None:
    assert learn(home, bundle, "--name", "old") == 0
    other = make_bundle(tmp_path / "other")
    with np.load(other / "scores.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["basis"] = np.pad(arrays["basis"], ((0, 8), (0, 0)))
    arrays["scale"] = np.pad(arrays["scale"], (0, 8), constant_values=0.02)
    arrays["sounds"] = np.pad(arrays["sounds"], ((0, 0), (0, 8)))
    np.savez(other / "scores.npz", **arrays)
    rehash(other)
    assert asked_of_a_hum(other, site="old") == pytest.approx(asked_of_a_hum(bundle, site="old"))


def test_a_site_of_one_row_of_numbers_is_damaged(home: Path, bundle: Path, data: Path) -> None:
    assert learn(home, bundle, "--name", "flat") == 0
    path = data / "elsa-rt" / "sites" / "flat.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    steps = len(arrays["activity"])
    np.savez(path, **(arrays | {"sounds": np.zeros(steps, np.int8)}))
    with pytest.raises(UsageError, match="damaged"):
        asked_of_a_hum(bundle, site="flat")


@pytest.mark.parametrize("content", [b"", b"what?"])
def test_a_damaged_site_is_refused(bundle: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        asked_of_a_hum(bundle, site=str(tmp_path / "bad.npz"))


def test_an_unknown_site_is_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="the site 'attic': there is no .*calibrate site"):
        asked_of_a_hum(bundle, site="attic")
    assert site_path("~/x.npz") == Path.home() / "x.npz"


def test_a_silent_site_is_one(bundle: Path, tmp_path: Path) -> None:
    loaded = ModelBundle.load(bundle)
    statistics = Statistics.load(loaded)
    ear = SiteRecorder(statistics, 0.1)
    with pytest.raises(ElsaError, match="0 s were heard"):
        ear.background()
    listener = elsa_rt.Listener(PromptBank.empty(loaded), bundle=str(bundle))
    silent = elsa_rt.Block(np.zeros((4, 61 * RATE), np.float32), RATE)
    for hearing in listener.push(silent):
        ear.add(hearing)
    save_site(tmp_path / "silent.npz", ear.background(), loaded, statistics)
    found = load_site(str(tmp_path / "silent.npz"), loaded, statistics)
    assert (len(found.sounds), len(found.pieces)) == (0, 0)
    assert asked_of_a_hum(bundle, site=str(tmp_path / "silent.npz")) < asked_of_a_hum(bundle)


def test_pieces() -> None:
    activity = np.zeros(300)
    activity[10:20] = activity[25:30] = 1  # one run with a short gap
    activity[100:195] = 1  # 9.5 s: three pieces
    found = segment(activity, 0.1)
    assert found.spans.tolist() == [[10, 30], [100, 140], [140, 180], [180, 195]]
    assert found.starts.tolist() == [0, 20 + MAX_GAP_STEPS, 60 + MAX_GAP_STEPS, 100 + MAX_GAP_STEPS]
    assert len(found.steps) == 20 + 95 + 2 * MAX_GAP_STEPS
    kept = rows_at(np.arange(1.0, 301.0), found.steps)
    assert kept[0] == 11
    assert not kept[20 : 20 + MAX_GAP_STEPS].any()
    assert kept[20 + MAX_GAP_STEPS] == 101


def test_what_was_marked_right_is_no_background(
    home: Path, bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = data / "elsa-rt" / "sites" / "kitchen.feedback.jsonl"
    listener = elsa_rt.Listener(
        ["a hum"], home, bundle=str(bundle), feedback=str(marked), on_notice=lambda _: None
    )
    (alert,) = [a.id for hearing in listener for a in hearing.alerts if a.state == "start"]
    listener.feedback(alert, "right")
    assert learn(home, bundle, "--name", "kitchen", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["left_out_s"] == pytest.approx(40, abs=2)
    assert asked_of_a_hum(bundle, site="kitchen") < asked_of_a_hum(bundle) + 0.1
    listener.feedback(alert, "false")
    assert learn(home, bundle, "--name", "kitchen", "--json") == 0
    assert json.loads(capsys.readouterr().out)["left_out_s"] == 0
