"""Shards: the same bytes of the same seed, resumed where they were cut, read back as written."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.errors import UsageError
from export.captions.spatial import Attributes, claims_true
from export.data.clips import kinds
from export.scenes.shard_reader import ShardStudio
from export.scenes.shards import main, shard_path
from export.scenes.studio import SILENT, Rendered, Studio
from tests.support.tiny_studio import LABELS, make_work

SCENES, SIZE = 5, 2
PLACE = ("azimuth_deg", "elevation_deg", "distance_m", "t30_s", "floor_m2")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_work(tmp_path_factory.mktemp("shards") / "work")


@pytest.fixture(scope="module")
def shards(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(work, tmp_path_factory.mktemp("written"))


def write(work: Path, out: Path, seed: int = 3, expect: int = 0) -> Path:
    arguments = [work, out, "--scenes", SCENES, "--seed", seed, "--shard-size", SIZE]
    assert main([str(argument) for argument in arguments]) == expect
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(work: Path, shards: Path, tmp_path: Path) -> None:
    again, other = write(work, tmp_path / "again"), write(work, tmp_path / "other", seed=4)
    assert contents(again) == contents(shards)
    assert len(contents(shards)) == 4  # three shards and what they are
    assert shard_path(other, 0).read_bytes() != shard_path(shards, 0).read_bytes()


def test_a_cut_run_goes_on(
    work: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = write(work, tmp_path / "cut")
    kept = shard_path(out, 0).stat().st_mtime_ns
    shard_path(out, 1).unlink()
    shard_path(out, 1).with_suffix(".part").write_bytes(b"half of it")
    capsys.readouterr()
    write(work, out)
    assert "1 shards written, 3 in all" in capsys.readouterr().out
    assert shard_path(out, 0).stat().st_mtime_ns == kept
    assert contents(out) == contents(shards)


def test_what_is_read_is_what_was_made(work: Path, shards: Path) -> None:
    studio = Studio(work, validation=False)
    made = [studio.render(np.random.default_rng([3, number])) for number in range(SCENES)]
    reader, rng = ShardStudio(shards), np.random.default_rng(0)
    assert reader.labels == LABELS
    for _ in range(2):  # it begins anew when all have been read
        read = [reader.render(rng) for _ in range(SCENES)]
        found = [next(i for i, one in enumerate(made) if alike(one, scene)) for scene in read]
        assert sorted(found) == list(range(SCENES))
    scene = reader.scene(rng)
    assert scene.mel.dtype == np.float16
    assert scene.truth.direction.dtype == np.float32


def alike(one: Rendered, other: Rendered) -> bool:
    """The same but for the rounding of shards."""
    pairs = zip(astuple(one), astuple(other), strict=True)
    return all(np.allclose(a, b, atol=1e-4, equal_nan=True) for a, b in pairs) and np.allclose(
        one.foa, other.foa, atol=2e-7
    )


def astuple(scene: Rendered) -> tuple[NDArray[Any], ...]:
    return (scene.foa, *scene.truth)


def samples(folder: Path) -> list[dict[str, Any]]:
    """Truth of all scenes as any tar reader finds it."""
    found = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            names = tar.getnames()
            assert {Path(name).suffix for name in names} == {".flac", ".json"}
            for name in names:
                held = tar.extractfile(name)
                assert held is not None
                if name.endswith("json"):
                    found.append(json.loads(held.read()))
    return found


def test_sounds_have_attributes_and_true_captions(work: Path, shards: Path) -> None:
    with np.load(work / "captions.npz") as captions:
        claims = dict(zip(captions["texts"].tolist(), captions["claims"], strict=True))
    sounds = 0
    for number, scene in enumerate(samples(shards)):
        assert scene["number"] == number
        assert len(scene["sounds"]) == len(set(scene["clip"]) - {SILENT})
        for sound in scene["sounds"]:
            sounds += 1
            label = LABELS.index(sound["label"])
            steps = [i for i, at in enumerate(scene["label"]) if at == label]
            assert sound["start_s"] / scene["step_s"] == pytest.approx(steps[0])
            place = [sound[name] for name in PLACE]
            directions = [angles_from_direction(scene["direction"][i]) for i in steps]
            assert any(way == pytest.approx(place[:2], abs=0.1) for way in directions)
            assert sound["captions"]
            attributes = Attributes(np.array([label]), *(np.array([value]) for value in place))
            said = np.stack([claims[text] for text in sound["captions"]])
            assert claims_true(attributes, said, kinds(LABELS)).all()
            assert (said[:, 0] == label).all()
    assert sounds >= 2


def test_a_folder_holds_one_plan(
    work: Path, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(shards)
    write(work, shards, seed=5, expect=2)
    assert "another seed" in capsys.readouterr().err
    assert contents(shards) == before


def test_an_unprepared_directory_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "nothing", tmp_path / "out", expect=2)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "export.prepare" in said


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none in"):
        ShardStudio(tmp_path)


def test_shards_of_other_features_are_refused(shards: Path, tmp_path: Path) -> None:
    about = json.loads((shards / "shards.json").read_text())
    (tmp_path / "shards.json").write_text(json.dumps({**about, "rate": 16_000}))
    shard_path(tmp_path, 0).touch()
    with pytest.raises(UsageError, match="16000 Hz"):
        ShardStudio(tmp_path)
