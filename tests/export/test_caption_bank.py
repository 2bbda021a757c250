"""What training draws from the pooled captions, and how `export.prepare` pools them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.captions.bank import CaptionBank
from export.captions.grammar import ANY
from export.captions.spatial import (
    Attributes,
    Caption,
    claims_known,
    claims_of,
    claims_true,
    read_tags,
    write_captions,
)
from export.data.vocabulary import tag_captions
from export.prepare import gather_captions, main

NAN = float("nan")
LABELS = ["dog", "man speaking", "rain", "smoke alarm", "speech"]


@pytest.fixture(scope="module")
def captions() -> list[Caption]:
    return write_captions(LABELS, 1)


def dogs(azimuth_deg: list[float]) -> Attributes:
    """Sounds of label 0 of which only the azimuth is known."""
    nothing = np.full(len(azimuth_deg), NAN)
    label = np.zeros(len(azimuth_deg), np.int64)
    return Attributes(label, np.array(azimuth_deg), 0 * np.array(azimuth_deg), *[nothing] * 3)


def write_bank(
    folder: Path, captions: list[Caption], tags: int = 0, ways: list[int] | None = None
) -> CaptionBank:
    """A bank of captions whose vectors say which they are, and so many wordings of each tag."""
    pooled = np.arange(len(captions))[:, None].astype(np.float32)
    arrays: dict[str, Any] = {"claims": claims_of(captions), "pooled": pooled}
    if tags:
        arrays["tag_pooled"] = np.ones((tags, 1), np.float16)
    if ways:
        arrays["tag_of"] = np.repeat(np.arange(tags), ways)
        arrays["tag_ways"] = np.arange(sum(ways))[:, None].astype(np.float16)
    np.savez(folder / "captions.npz", **arrays)
    np.savez(folder / "clips.npz", labels=np.array(LABELS))
    return CaptionBank(folder)


def test_drawn_captions_bind_what_to_where(tmp_path: Path, captions: list[Caption]) -> None:
    bank = write_bank(tmp_path, captions)
    rng = np.random.default_rng(2)
    n = 400
    some = Attributes(
        rng.integers(len(LABELS), size=n), rng.uniform(-180, 180, n), rng.uniform(-90, 90, n),
        rng.uniform(0.4, 4, n), rng.uniform(0.1, 1.5, n), rng.uniform(10, 200, n),
    )  # fmt: skip
    some.distance_m[::3] = NAN
    some.azimuth_deg[:40] = some.elevation_deg[:40] = NAN
    chosen = bank.draw(some, rng)
    claims = bank.claims[chosen]
    holds = claims_true(some, claims, bank.kinds)
    knows = claims_known(some, claims)
    rows = np.arange(n)
    true, elsewhere, other = (slice(k, 3 * n, 3) for k in range(3))
    assert holds[rows, 3 * rows].all()
    assert not holds[rows, 3 * rows + 1].any()
    assert not holds[rows, 3 * rows + 2].any()
    assert knows[rows, 3 * rows + 1].all()  # false, rather than not known
    # the same sound elsewhere claims the same kinds of things of another place
    assert (claims[elsewhere, 0] == claims[true, 0]).all()
    placed = (claims[true, 1:] != ANY).any(1)
    alike = (claims[elsewhere, 1:] != ANY) == (claims[true, 1:] != ANY)
    assert alike[placed].all()
    assert (claims[elsewhere, 1:] != claims[true, 1:]).any(1).all()
    # another sound here claims the same place, and is no other name of this sound
    assert (claims[other, 1:] == claims[true, 1:]).all()
    assert not bank.kinds[some.label, claims[other, 0]].any()
    # speech is said of men, too
    men = some.label == LABELS.index("man speaking")
    assert 0.05 < (claims[true, 0][men] == LABELS.index("speech")).mean() < 0.4
    # the rest say the label or the place only, each true of somebody
    rest = claims[3 * n :]
    assert len(rest) == 2 * (n // 4)
    assert ((rest[: n // 4, 0] != ANY) & (rest[: n // 4, 1:] == ANY).all(1)).all()
    assert (rest[n // 4 :, 0] == ANY).all()
    assert (rest[n // 4 :, 1:] != ANY).any(1).all()
    assert holds[:, 3 * n :].any(0).all()


def test_a_sound_of_unknown_place_is_told_from_others_only(
    tmp_path: Path, captions: list[Caption]
) -> None:
    bank = write_bank(tmp_path, captions)
    unknown = dogs([NAN] * 8)
    chosen = bank.draw(unknown, np.random.default_rng(0))
    claims = bank.claims[chosen]
    assert (claims[:, 1:] == ANY).all()
    assert (claims[0:24:3, 0] == 0).all()
    assert (claims[1:24:3, 0] != 0).all()


def test_draws_repeat_by_their_seed_and_phrases_are_plain(
    tmp_path: Path, captions: list[Caption]
) -> None:
    bank = write_bank(tmp_path, captions, tags=3)
    some = dogs([10.0, 100.0, -100.0, 180.0])
    first, second = (bank.draw(some, np.random.default_rng(5)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != bank.draw(some, np.random.default_rng(6)).tolist()
    phrases = bank.phrases(np.random.default_rng(1))[:, 0].long().numpy()
    assert bank.claims[phrases].tolist() == [[label, *[ANY] * 5] for label in range(len(LABELS))]
    assert all(phrases[i] in bank.plain_of[i] for i in range(len(LABELS)))
    assert bank.tag_pooled is not None
    assert tuple(bank.tag_pooled.shape) == (3, 1)


def test_each_class_of_the_tagger_is_called_by_one_of_its_wordings(
    tmp_path: Path, captions: list[Caption]
) -> None:
    bank = write_bank(tmp_path, captions, tags=3, ways=[2, 1, 3])
    drawn = [bank.tag_names(np.random.default_rng(seed)) for seed in range(40)]
    found = [{int(names[tag, 0]) for names in drawn if names is not None} for tag in range(3)]
    assert found == [{0, 1}, {2}, {3, 4, 5}]


def test_tags_become_captions_in_the_order_of_their_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tags.csv"
    path.write_text('index,mid,display_name\n1,/m/b,"Bark, woof"\n0,/m/a,Speech\n')
    assert read_tags(path) == ["Speech", "Bark, woof"]
    np.savez(tmp_path / "clips.npz", labels=np.array(["dog"]))

    def pool(directory: Path, texts: list[str]) -> np.ndarray:
        vectors = [[len(text), 1.0, "speech" in text] for text in texts]
        unit = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float16)

    monkeypatch.setattr("export.towers.text.pool_sentences", pool)
    made = gather_captions(tmp_path, tmp_path, read_tags(path), 1)
    assert len(made["texts"]) == len(made["pooled"]) == len(made["claims"])
    assert np.linalg.norm(made["tag_pooled"].astype(float), axis=1) == pytest.approx(1, abs=2e-3)
    assert made["tag_pooled"].shape == (2, 3)
    assert np.bincount(made["tag_of"]).tolist() == [len(tag_captions(x)) for x in read_tags(path)]
    assert len(made["tag_ways"]) == len(made["tag_of"])
    assert "tag_pooled" not in gather_captions(tmp_path, tmp_path, [], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "expected the columns"), ("index,display_name\n1,Speech\n", "from 0 to 0"),
     (None, "No such file")],
)  # fmt: skip
def test_bad_tags_are_refused_before_anything_is_made(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tags.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "work"), "--manifest", "x.csv", "--sentences", "x", "--tags",
              str(path)])  # fmt: skip
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
