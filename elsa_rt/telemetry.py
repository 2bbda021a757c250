"""Telemetry of ONNX Runtime: off before it can be loaded, in every command and program."""

from __future__ import annotations

import os
import sys

VARIABLE = "ORT_DISABLE_TELEMETRY"
"""Environment variable that ONNX Runtime, from 1.32 on, reads once when it is loaded."""


def switch_off() -> None:
    """Set `VARIABLE`; where ONNX Runtime is loaded already, stop it and say so.

    From 1.32 on ONNX Runtime keeps a device id on the disk and reports to its maker.
    """
    if VARIABLE in os.environ:
        return
    os.environ[VARIABLE] = "1"
    if "onnxruntime" not in sys.modules:
        return
    stop = getattr(sys.modules["onnxruntime"], "disable_telemetry_events", None)
    if stop is not None:
        stop()
    import logging  # seldom needed, and a third of what importing the package takes

    logging.getLogger("elsa_rt").warning(
        "onnxruntime was imported before elsa_rt: it may have written a device id to "
        "~/.cache/Microsoft already; its further telemetry is off. To keep it off from the start, "
        "import elsa_rt first or set %s=1",
        VARIABLE,
    )
