"""Cache of the kernels that TensorRT-RTX compiles at run time.

TensorRT finds its kernels when it builds. TensorRT-RTX chooses them at the first run, for the GPU
at hand; its runtime cache takes them up, so that a second start need not do it again.
"""

from __future__ import annotations

from typing import Any

from elsa_rt.encoder.tensorrt.library import Library
from elsa_rt.encoder.tensorrt.plans import PlanKey, find_kernels, keep_kernels
from elsa_rt.errors import EngineError
from elsa_rt.notices import OnNotice

OPENING = "opening the plan"


class Kernels:
    """The runtime cache of one plan, or nothing where this TensorRT has none.

    It is loaded from what `keep` wrote. ``key`` says whose it is; without one nothing is kept.
    """

    def __init__(
        self, library: Library, plan: Any, key: PlanKey | None, on_notice: OnNotice
    ) -> None:
        self._library, self._plan, self._key, self._on_notice = library, plan, key, on_notice
        self._config = self._cache = None
        self._kept = b""
        if key is None or not hasattr(plan, "create_runtime_config"):
            return
        config = library.check(plan.create_runtime_config(), OPENING)
        if not hasattr(config, "create_runtime_cache"):  # of TensorRT
            return
        self._config = config
        self._cache = library.check(config.create_runtime_cache(), OPENING)
        kernels = find_kernels(key)
        if kernels and self._cache.deserialize(kernels):
            self._kept = kernels
        library.logger.said.clear()  # of what it refused: it compiles that anew
        library.check(config.set_runtime_cache(self._cache), OPENING)

    def context(self) -> Any:
        """A new context of the plan, which takes its kernels from here."""
        if self._config is None:
            return self._library.check(self._plan.create_execution_context(), OPENING)
        return self._library.check(self._plan.create_execution_context(self._config), OPENING)

    def keep(self) -> None:
        """Save newly compiled kernels. If writing fails, the next start compiles them again."""
        if self._cache is None or self._key is None:
            return
        kernels = bytes(self._library.check(self._cache.serialize(), "keeping its kernels"))
        if kernels == self._kept:
            return
        try:
            keep_kernels(self._key, kernels)
        except EngineError as error:
            self._on_notice(str(error))
        self._kept = kernels
