"""Results that are computed once."""

from __future__ import annotations

import copy
import pickle

from elsa_rt.memo import Memo


def test_only_what_is_missing_is_made() -> None:
    memo, made = Memo(), list[int]()

    def squares(keys: list[int]) -> list[int]:
        def make(missing: list[int]) -> list[int]:
            made.extend(keys[index] for index in missing)
            return [keys[index] ** 2 for index in missing]

        return memo.get_many(keys, make)

    assert squares([1, 2, 1]) == [1, 4, 1]
    assert squares([3, 2, 1]) == [9, 4, 1]
    assert made == [1, 2, 3]
    assert memo.get(2, lambda: 0) == 4


def test_what_was_asked_for_longest_ago_is_dropped() -> None:
    memo = Memo(2)
    for key in (1, 2, 1, 3):
        memo.get(key, lambda key=key: key)  # type: ignore[misc]
    assert memo.get(1, lambda: 0) == 1
    assert memo.get(2, lambda: 0) == 0


def test_copies_are_empty() -> None:
    memo = Memo()
    memo.get("a", lambda: 1)
    for other in (copy.deepcopy(memo), pickle.loads(pickle.dumps(memo))):
        assert other.get("a", lambda: 2) == 2
