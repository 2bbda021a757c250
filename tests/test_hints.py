"""Type hints as the Python door checks them, where NumPy writes them as aliases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce

Samples: Any = TypeAliasType("Samples", np.ndarray)
"""As ``NDArray`` is from NumPy 2.5 on."""


def test_an_alias_means_the_class_behind_it() -> None:
    samples = np.zeros(3)
    assert coerce(samples, Samples, "samples") is samples
    with pytest.raises(UsageError, match="samples"):
        coerce(3, Samples, "samples")
