"""Capture in a child: what it says comes over, and it ends with its parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from elsa_rt.config import Config
from elsa_rt.errors import DeviceError, UsageError
from elsa_rt.sources.capture_process import ProcessSource


def test_a_microphone_that_is_missing_is_said_as_ever() -> None:
    with pytest.raises(DeviceError, match="no microphone fits 'no such thing'"):
        ProcessSource("no such thing", Config(), print)


def test_a_profile_that_is_missing_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError):
        ProcessSource(None, Config(microphone="no-such-profile"), print)


def test_the_child_ends_with_its_parent() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "elsa_rt.sources.capture_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    asked = {"wanted": "no such thing", "config": {"channels": None}}
    child.stdin.write(json.dumps(asked).encode())  # not yet whole: it waits
    child.stdin.close()
    assert child.wait(60) is not None
    child.stdout.close()
