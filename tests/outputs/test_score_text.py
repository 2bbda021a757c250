"""The text of scores beside the general encoder."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from elsa_rt.hearing import Score
from elsa_rt.outputs.score_text import ScoreText


def told(score: Score) -> str:
    """What Python's own formatting makes of it."""

    def text(value: float, form: str) -> str:
        return format(value, form) if math.isfinite(value) else "null"

    rule = json.dumps({"rule": score.rule, "threshold": score.as_dict()["threshold"]})[1:]
    return (
        f'{{"prompt": {json.dumps(score.prompt)}, "similarity": {text(score.similarity, ".4f")}, '
        f'"score": {text(score.score, ".4f")}, "false_alarms_per_hour": '
        f"{text(score.false_alarms_per_hour, '.3g')}, {rule}"
    )


def test_numbers_as_python_writes_them() -> None:
    rng = np.random.default_rng(0)
    count, text = 400, ScoreText()
    for scale in (1.0, 1e-4, 30.0):
        columns = [
            (rng.normal(0, scale, count)).astype(np.float32).tolist(),
            (rng.uniform(0, scale, count)).astype(np.float32).tolist(),
            (10.0 ** rng.uniform(-12, 9, count)).astype(np.float32).tolist(),
        ]
        scores = tuple(
            Score(f"prompt {n} é\n", values[0], values[1], values[2], f"rule-{n}", 0.5)
            for n, values in enumerate(zip(*columns, strict=True))
        )
        assert text.text(scores) == ", ".join(map(told, scores))


@pytest.mark.parametrize(
    "rate",
    [0.0, 1.0, 10.0, 100.0, 999.4, 999.5, 1000.0, 0.1, 1e-4, 9.999e-5, 1e-5, 2.125, 0.03125, 1.5e8,
     math.nan, math.inf, 1e-18],
)  # fmt: skip
@pytest.mark.parametrize("value", [0.03125, -0.0, -0.25, 0.99995, 1.0, 12345.678, math.nan])
def test_borders(rate: float, value: float) -> None:
    score = Score('a "dog"', value, value, rate, "dog", math.nan)
    assert ScoreText().text((score,)) == told(score)


def test_what_no_score_is_goes_the_long_way() -> None:
    for score in (Score("x", 1e300, 0.5), Score("x", math.inf, 0.5), Score("x", 0.0, 0.0, -1.0)):
        assert json.loads(ScoreText().text((score,))) == score.as_dict()
    assert ScoreText().text(()) == ""


def test_other_rules_have_another_text() -> None:
    text = ScoreText()
    one, other = Score("a", 0.1, 0.2, 0.3, "a", 0.5), Score("b", 0.1, 0.2, 0.3, "b", 0.5)
    for scores in ((one, other), (other, one), (one,), (one._replace(threshold=0.6), other)):
        assert json.loads(f"[{text.text(scores)}]") == [score.as_dict() for score in scores]
