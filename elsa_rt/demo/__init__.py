"""A scene to try elsa-rt on without a microphone: ``scene.flac`` and what is in it.

``scene.yaml`` says what sounds when, from where, and how the scene is made again.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml


def demo_path() -> Path:
    """Path of the scene: about 20 s of AmbiX, 24 kHz FLAC."""
    return Path(str(files(__name__) / "scene.flac"))


def demo_scene() -> dict[str, Any]:
    """Content of ``scene.yaml``: events, distractors, room, rate, seed, licence, command."""
    scene: dict[str, Any] = yaml.safe_load((files(__name__) / "scene.yaml").read_text("utf-8"))
    return scene


def demo_prompts() -> tuple[str, ...]:
    """A prompt for each event of the scene in their order, then those that never sound."""
    scene = demo_scene()
    return (*(event["prompt"] for event in scene["events"]), *scene["distractors"])
