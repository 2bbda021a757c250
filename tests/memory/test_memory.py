"""Questions to a store."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import StoreError, UsageError
from elsa_rt.hearing import Label
from elsa_rt.memory.memory import Memory
from elsa_rt.memory.question import model_of
from elsa_rt.memory.row import Event, Remembered
from elsa_rt.memory.store import Origin, Store
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Statistics
from tests.memory.conftest import Remember
from tests.memory.recordings import other_bundle
from tests.support.tiny_bundle import sound

UTC = timezone.utc


def open_memory(store: Path, bundle: Path) -> Memory:
    return Memory.open(store, bundle=bundle, on_notice=pytest.fail)


def names(rows: Sequence[Remembered]) -> list[str]:
    return [row.labels[0].name for row in rows]


def test_a_sentence_finds_its_sound_with_time_and_place(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        answer = memory.recall("hiss", zone=UTC)
        best = answer[0]
    assert names(answer.rows) == ["hiss", "hum"]
    assert best.score > 0.5 > answer[1].score
    assert best.similarity > answer[1].similarity
    assert best.time_s == pytest.approx(4, abs=0.2)
    assert best.duration_s == pytest.approx(1, abs=0.3)
    assert best.at_s == pytest.approx(
        datetime(2026, 11, 27, 8, tzinfo=UTC).timestamp() + best.time_s, abs=0.01
    )
    assert abs(best.azimuth_deg) == pytest.approx(180, abs=10)
    assert best.words == "behind"
    assert best.source == "scene.wav"
    assert (answer.heard, answer.looked_at) == (1, 2)
    assert answer.by_hour.tolist() == [0] * 8 + [1] + [0] * 15
    assert answer.by_direction.tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert answer.first is not None
    assert answer.last is not None
    assert answer.first.id == answer.last.id == best.id


def test_words_about_place_leave_out_what_sounded_elsewhere(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        assert names(memory.recall("a sound on the left").rows) == ["hum"]
        assert names(memory.recall("a sound behind me").rows) == ["hiss"]
        assert not memory.recall("a sound on the right")


def test_several_sounds_in_one_sentence_are_all_found(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        rows = memory.recall("hum or hiss").rows
    assert {row.labels[0].name for row in rows if row.score > 0.5} == {"hum", "hiss"}


def test_each_sound_of_a_sentence_has_its_own_place(store: Path, bundle: Path) -> None:
    """The hum lies on the left, the hiss behind."""

    def found(text: str) -> set[str]:
        return {row.labels[0].name for row in memory.recall(text) if row.score > 0.3}

    with open_memory(store, bundle) as memory:
        assert found("hum on the left or hiss") == {"hum", "hiss"}
        assert found("hum on the right or hiss") == {"hiss"}
        assert found("hum on the left or hiss on the left") == {"hum"}


def test_any_sound_is_asked_for_by_place_and_by_what_it_is_not(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        assert names(memory.recall("any sound").rows) == ["hiss", "hum"]  # the latest first
        assert names(memory.recall("any sound on the left").rows) == ["hum"]
        hum, hiss = memory.recall("any sound but hiss")
        assert (hum.labels[0].name, hiss.labels[0].name) == ("hum", "hiss")
        assert hum.score == pytest.approx(0.881, abs=0.001)
        assert hiss.score < 0.1


def test_a_score_is_that_of_an_alert(store: Path, bundle: Path) -> None:
    """A listener that hears the embedding of the row gives it the same score."""
    loaded = ModelBundle.load(bundle)
    bank = PromptBank.encode(loaded, ["hiss"])
    scorer = Scorer(bank, Statistics.load(loaded), Config(), loaded.step_s)
    with open_memory(store, bundle) as memory:
        rows = memory.recall("hiss").rows
    for row in rows:
        active, nowhere = np.ones(1, np.float32), np.full(1, np.nan, np.float32)
        ahead = np.eye(3, dtype=np.float32)[:1]
        heard = EncoderOutput(row.embedding[None], ahead, active, nowhere)
        _, logit = scorer.likeness(heard)
        assert row.score == pytest.approx(scorer.curves.score(logit[0])[0], abs=0.01)
    assert rows[0].score == pytest.approx(0.83, abs=0.02)


def test_azimuth_is_a_sector_counter_clockwise(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        assert names(memory.recall(azimuth_deg=(120, -120)).rows) == ["hiss"]
        assert names(memory.recall(azimuth_deg=(-120, 120)).rows) == ["hum"]
        assert not memory.recall(elevation_deg=(40, 90))


def test_times_bound_what_is_looked_at(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        late = memory.recall(since=datetime(2026, 11, 27, 8, 0, 3, 500_000, UTC))
        early = memory.recall(until="2026-11-27T08:00:03", zone=UTC)
        assert names(late.rows) == ["hiss"]
        assert names(early.rows) == ["hum"]
        assert not memory.recall("hum", since="2026-11-28T00:00", zone=UTC)
        with pytest.raises(UsageError, match="later than until"):
            memory.recall("hum", since="2026-11-28", until="2026-11-26", zone=UTC)


def test_a_recording_without_a_time_of_day_has_its_own_time(
    tmp_path: Path, recording: Path, bundle: Path, remember_files: Remember
) -> None:
    remember_files(tmp_path / "past", recording, began="unknown")
    with open_memory(tmp_path / "past", bundle) as memory:
        row = memory.recall("hiss")[0]
        assert (row.at, row.as_dict()["at"]) == (None, None)
        assert row.time_s == pytest.approx(4, abs=0.2)
    said: list[str] = []
    with Memory.open(tmp_path / "past", bundle=bundle, on_notice=said.append) as memory:
        assert not memory.recall("hiss", since="2000-01-01")
        assert not memory.recall(until="2030-01-01")
        assert not memory.unusual()
    assert len(said) == 3
    assert set(said) == {
        "2 rows have no time of day, and only rows with one were asked for: "
        "elsa-rt remember FILE --began TIME tells when a recording began"
    }


def test_a_recording_of_the_sound_asks_as_well(tmp_path: Path, store: Path, bundle: Path) -> None:
    example = tmp_path / "example.wav"
    soundfile.write(example, sound("hum", 1, 0, 0, 16_000)[0], 16_000)
    with open_memory(store, bundle) as memory:
        assert names(memory.recall(example=example).rows)[0] == "hum"


def test_another_row_asks_and_is_no_answer_itself(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        hum = memory.recall("hum")[0]
        assert hum.id not in [row.id for row in memory.recall(like=hum.id)]
        with pytest.raises(UsageError, match="no such row"):
            memory.recall(like=4711)
        with pytest.raises(UsageError, match="not both"):
            memory.recall("hum", like=hum.id)


def test_without_a_question_the_latest_rows_come_first(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        assert names(memory.recall().rows) == ["hiss", "hum"]
        assert names(memory.recall(top=1).rows) == ["hiss"]
        (minute,) = memory.recall(kinds=("minute",))
        assert minute.kind == "minute"
        assert minute.duration_s == pytest.approx(6, abs=0.2)
        with pytest.raises(UsageError, match="one or more"):
            memory.recall(top=0)


def test_a_source_is_named_by_a_part_of_its_name(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        assert len(memory.recall(source="SCENE")) == 2
        with pytest.raises(UsageError, match=r"no source is called 'kitchen'.*scene\.wav"):
            memory.recall(source="kitchen")


def test_rows_become_json_without_nan(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        found = json.loads(json.dumps(memory.recall()[0].as_dict(), allow_nan=False))
    assert found["score"] is None
    assert found["at"].startswith("2026-11-27T08:00:0")
    assert found["labels"][0]["name"] == "hiss"
    assert {"time_s", "azimuth_deg", "elevation_deg", "source", "id"} <= found.keys()


def test_rows_of_another_model_are_refused_with_the_cure(
    tmp_path: Path, store: Path, bundle: Path
) -> None:
    other = other_bundle(tmp_path / "other")
    with (
        Memory.open(store, bundle=other) as memory,
        pytest.raises(StoreError, match=r"do not compare.*remember --again --store"),
    ):
        memory.recall("hum")


def test_what_is_rare_in_the_past_of_a_place_is_not_usual(tmp_path: Path) -> None:
    path = tmp_path / "past"
    bundle = ModelBundle.load()
    code = model_of(bundle).code
    rng = np.random.default_rng(6)
    kinds = rng.normal(0, 30, (3, 64)) * code.scale
    now = time.time()

    def row(kind: int, days_ago: float, azimuth_deg: float) -> Event:
        parts = kinds[kind] + rng.normal(0, 3, 64) * code.scale
        vector = code.mean + parts @ code.basis
        return Event(
            "sound", 0.0, 1.0, now - 86_400 * days_ago, azimuth_deg, 0.0, 5.0, math.nan, -40.0,
            0.9, (vector / np.linalg.norm(vector)).astype(np.float32),
            labels=(Label(f"kind {kind}", 0.9),), track=f"{kind} {days_ago}",
        )  # fmt: skip

    daily = [row(0, day + 0.25, 90) for day in range(30)]
    sometimes = [row(1, day + 0.25, 0) for day in range(0, 30, 6)]
    with Store.open(path, create=True) as store, store.changing():
        model = store.model_id(model_of(bundle))
        source = store.source_id(Origin("run", "hall", True), model)
        store.add(source, model, [*daily, *sometimes, row(2, 0.1, -90), row(0, 0.12, -90)])
    with Memory.open(path) as memory:
        answer = memory.unusual(since="1 days ago")
        reasons = {row.labels[0].name + f" {row.azimuth_deg:.0f}": row.reason for row in answer}
    assert next(iter(reasons)) == "kind 2 -90"
    assert reasons["kind 2 -90"] == "nothing like it in 29 days"
    assert list(reasons)[-1] == "kind 0 90"
    assert "never from there" in reasons["kind 0 -90"]
    assert "30 times in 29 days" in reasons["kind 0 -90"]
    said: list[str] = []
    young = tmp_path / "young"
    with Store.open(young, create=True) as store, store.changing():
        model = store.model_id(model_of(bundle))
        source = store.source_id(Origin("run", "hall", True), model)
        store.add(source, model, [row(0, 0.02, 90), row(1, 0.01, 0)])
    with Memory.open(young, on_notice=said.append) as memory:
        assert memory.unusual().rows[0].reason == "nothing like it in 14 minutes"
    (notice,) = said  # so short a past does not tell what is usual
    assert "spans 14 minutes" in notice


def test_rows_that_were_forgotten_since_are_no_answer(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        with Store.open(store, write=True) as other:
            other.execute("DELETE FROM events WHERE kind = 0 AND time > 3500")
        assert names(memory.recall("hiss").rows) == ["hum"]


def test_a_fresh_store_answers_nothing(tmp_path: Path, bundle: Path) -> None:
    Store.open(tmp_path / "past", create=True).close()
    with open_memory(tmp_path / "past", bundle) as memory:
        assert len(memory.recall("hum")) == len(memory.recall()) == len(memory.unusual()) == 0


def test_the_exact_search_agrees(store: Path, bundle: Path) -> None:
    with open_memory(store, bundle) as memory:
        fast, exact = memory.recall("hum"), memory.recall("hum", exact=True)
    assert [row.id for row in fast] == [row.id for row in exact]
    assert [row.score for row in fast] == [row.score for row in exact]
    assert replace(fast, rows=()).heard == exact.heard
