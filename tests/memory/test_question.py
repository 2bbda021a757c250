"""Questions put to the bundled model: their vectors, and what is taken off for crowding."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.question import Question, ask_vector, ask_words
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.crowding import crowding_of
from elsa_rt.scoring.statistics import Statistics

SENTENCE = "a dog barking behind me"
AHEAD, BEHIND = np.array([[1, 0, 0], [-1, 0, 0]], np.float32)


def ask(text: str) -> Question:
    return ask_words(ModelBundle.load(), text, None, Config(), pytest.fail)


def crowding() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    found = crowding_of(Statistics.load(ModelBundle.load()))
    assert 0.05 < np.linalg.norm(found) < 1
    return found


def test_words_about_place_count_half_in_the_vector_and_in_full_as_a_region() -> None:
    meaning = PromptBank.encode(ModelBundle.load(), [SENTENCE], Config()).meaning
    whole, sound = meaning.embedding[0], meaning.semantic[0]
    question = ask(SENTENCE)
    both = (whole + sound) / np.linalg.norm(whole + sound)
    assert whole @ sound < 0.999
    np.testing.assert_allclose(question.vectors[0], both - crowding(), atol=1e-6)
    similarity = np.array([[0.9, 0.0], [0.9, 0.0]], np.float32)
    logit, _ = question.judge(similarity, np.stack([BEHIND, AHEAD]))
    assert np.isfinite(logit[0])
    assert logit[1] == -np.inf


def test_a_row_is_told_with_its_cosine_and_ordered_less_its_crowding() -> None:
    question = ask("a dog barking")
    (plain,) = PromptBank.encode(ModelBundle.load(), ["a dog barking"], Config()).meaning.embedding
    rows = np.stack([plain, crowding() / np.linalg.norm(crowding()), -crowding()])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    logit, told = question.judge(rows @ question.vectors.T, np.repeat(AHEAD[None], 3, axis=0))
    np.testing.assert_allclose(told, rows @ plain, atol=1e-5)
    wanted = rows @ plain - rows @ crowding()
    steepness = (logit[1:] - logit[0]) / (wanted[1:] - wanted[0])
    np.testing.assert_allclose(steepness, question.scale.slope[0], rtol=1e-3)


def test_what_is_excluded_is_compared_less_crowding_as_well() -> None:
    (dog,) = PromptBank.encode(ModelBundle.load(), ["a dog"], Config()).meaning.embedding
    vectors = ask("any sound but a dog").vectors
    assert not vectors[0].any()
    np.testing.assert_allclose(vectors[1], dog - crowding(), atol=1e-6)
    assert not ask("any sound behind me").vectors.any()


def test_what_is_like_a_row_has_the_cosine_of_one_with_it() -> None:
    vector = ask("rain falling").vectors[0]
    vector = vector / np.linalg.norm(vector)
    question = ask_vector(ModelBundle.load(), vector, Config())
    _, told = question.judge(vector[None] @ question.vectors.T, AHEAD[None])
    assert told[0] == pytest.approx(1, abs=1e-5)
