"""What the student is fed with, and how often it answers: the one home of these sizes in export."""

from __future__ import annotations

from elsa_rt.features.intensity import FeatureSettings

FEATURES = FeatureSettings(
    rate=32_000,
    hop=320,
    n_fft=1024,
    window=800,
    mels=128,
    low_hz=0.0,
    high_hz=15_000.0,
    mel_gain_db=40.0,
)
"""Frames of 10 ms with the bands of EfficientAT, whose weights the semantic tower starts from.

With the gain a sound is the same to the model 40 dB further down: its floor lies at -140 dB.
"""

STEP_FRAMES = 8
"""Frames of a step: 80 ms, a power of two as the strides of the semantic tower ask for."""

STEP_S = STEP_FRAMES * FEATURES.hop / FEATURES.rate

EMBEDDING = 512
"""Dimensions of the space of sounds and sentences."""

TAGS, TAG_HIDDEN, TAG_FEATURES = 527, 512, 384
"""What the tagger gives: logits of AudioSet's classes, the layer below, and the features."""
