"""The code of embeddings, and the compiled loops that read it."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.coarse_index import ROW, CoarseIndex, Filter, tag_of
from elsa_rt.memory.question import model_of
from elsa_rt.memory.scan import NO_DIRECTION
from elsa_rt.memory.search import similarities
from elsa_rt.memory.vector_code import COMPONENTS, LEVELS, VectorCode


@pytest.fixture(scope="module")
def code() -> VectorCode:
    return model_of(ModelBundle.load()).code


@pytest.fixture(scope="module")
def embeddings(code: VectorCode) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Unit vectors as a model gives them: most of what tells them apart is in the components."""
    rng = np.random.default_rng(3)
    parts = rng.normal(0, 30, (200, COMPONENTS)) * code.scale
    vectors = code.mean + parts @ code.basis + rng.normal(0, 0.006, (200, code.dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_code_has_194_bytes_and_gives_the_embedding_back(
    code: VectorCode, embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> None:
    codes = [code.encode(one) for one in embeddings]
    assert {len(one) for one in codes} == {194}
    assert (code.decode(codes) * embeddings).sum(axis=1).min() > 0.99
    coarse = code.decode([code.encode(one, fine=False) for one in embeddings])
    fine_error = 1 - (code.decode(codes) * embeddings).sum(axis=1)
    coarse_error = 1 - (coarse * embeddings).sum(axis=1)
    assert coarse_error.mean() > 3 * fine_error.mean()


@pytest.mark.parametrize("fine", [True, False])
def test_a_code_is_read_byte_by_byte_as_it_is_described(
    code: VectorCode, embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]], fine: bool
) -> None:
    told = code.encode(embeddings[0], fine=fine)
    components = np.frombuffer(told[:64], np.int8) * code.scale
    wanted = code.mean + components @ code.basis
    if fine:
        levels = [LEVELS[byte >> shift & 3] for byte in told[66:] for shift in (0, 2, 4, 6)]
        wanted = wanted + np.frombuffer(told[64:66], np.float16)[0] * np.array(levels)
    others = [code.encode(one, fine=not fine) for one in embeddings[1:3]]
    found = code.decode([others[0], told, others[1]])[1]
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=1e-6)


def test_products_are_those_of_the_decoded_embeddings(
    code: VectorCode, embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> None:
    codes = [code.encode(one, fine=index % 3 > 0) for index, one in enumerate(embeddings)]
    vectors = embeddings[:2]
    found = similarities(code, vectors, codes)
    np.testing.assert_allclose(found, code.decode(codes) @ vectors.T, atol=0.003)
    assert similarities(code, vectors, []).shape == (0, 2)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_pass_finds_the_best_rows_that_the_filter_lets_through(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.memory.coarse_index.THREADED_ROWS", 0 if threads == 2 else 10**9)
    rng = np.random.default_rng(4)
    count = 5_000
    rows = np.zeros(count, ROW)
    rows["id"] = np.arange(1, count + 1)
    rows["at"] = rng.integers(1_000, 2_000, count)
    rows["source"] = rng.integers(1, 4, count)
    rows["azimuth"] = rng.integers(-1800, 1801, count)
    rows["azimuth"][::7] = NO_DIRECTION
    rows["elevation"] = rng.integers(-50, 51, count)
    rows["tag"] = [tag_of(int(m), int(k)) for m, k in rng.integers((1, 0), (3, 3), (count, 2))]
    codes = rng.integers(-127, 128, (count, COMPONENTS)).astype(np.int8)
    index = CoarseIndex(rows, codes)
    factors = rng.normal(size=COMPONENTS).astype(np.float32)
    wanted = Filter(
        since_s=1_200, until_s=1_800, azimuth_deg=(120, -120), elevation_deg=(-20, 40),
        kinds=("sound", "minute"), sources=(1, 3), models=(2,),
    )  # fmt: skip
    azimuth = rows["azimuth"]
    inside = (azimuth != NO_DIRECTION) & (np.abs(azimuth.astype(int)) >= 1200)
    inside &= (rows["at"] >= 1_200) & (rows["at"] < 1_800) & np.isin(rows["source"], (1, 3))
    inside &= (rows["elevation"] >= -20) & (rows["elevation"] <= 40)
    inside &= np.isin(rows["tag"], (tag_of(2, 0), tag_of(2, 2)))
    allowed = np.flatnonzero(inside)
    best = allowed[np.argsort(-(codes[allowed].astype(np.float32) @ factors))[:20]]
    found = index.best(factors, wanted, 20)
    assert set(best) <= set(found) <= set(allowed)
    assert len(found) < 40
    np.testing.assert_array_equal(index.matching(wanted), allowed)
    assert index.best(factors, wanted, 10**6).size == allowed.size
    rows["elevation"] = rng.integers(-90, 91, count)  # steep ones have every azimuth
    for some in (
        Filter(),
        Filter(azimuth_deg=(-30, 30)),
        Filter(elevation_deg=(10, 80), until_s=1_500),
    ):
        np.testing.assert_array_equal(index.matching(some), index.best(factors, some, 10**6))
