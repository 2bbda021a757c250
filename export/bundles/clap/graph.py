"""A `transformers.ClapModel` as the two graphs of a windowed bundle, checked against torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoTokenizer, ClapConfig, ClapFeatureExtractor, ClapModel

from elsa_rt.encoder.onnx import open_session
from elsa_rt.encoder.text import MAX_TOKENS
from elsa_rt.errors import UsageError
from export.bundles.onnx_graphs import export_graph, export_text, save_graph

PEAK = 0.5
MAX_GAIN = 100.0
"""A window is brought to this peak, by this factor at most: CLAP was trained on files near full
scale, and microphones in rooms are 20 to 50 dB below."""

FLOOR = 1e-10  # of mel power, as in ClapFeatureExtractor

AUDIO_TOLERANCE = 1e-3
TEXT_COSINE = 0.95
"""Below it the text encoder keeps its 32 bits."""

SENTENCES = (
    "a dog barking", "glass breaking", "the sound of rain on a tin roof", "someone knocking",
    "a smoke alarm", "a man and a woman are talking while music plays in the background",
)  # fmt: skip


@dataclass(frozen=True)
class Clap:
    """The parts of a ClapModel directory."""

    model: Any  # ClapModel
    extractor: Any  # ClapFeatureExtractor
    tokenizer: Tokenizer

    @classmethod
    def load(cls, directory: Path) -> Clap:
        """Read ``directory``; a model with fusion is used without it: no window is too long.

        Raises
        ------
        UsageError
            There is no whole ClapModel, or it is of a form that cannot be used.
        """
        try:
            _check_form(directory)
            extractor = ClapFeatureExtractor.from_pretrained(directory)
            tokenizer = AutoTokenizer.from_pretrained(directory).backend_tokenizer
            load: Any = ClapModel.from_pretrained
            model, found = load(directory, output_loading_info=True)
            lacking = [name for name in found["missing_keys"] if name.endswith(("weight", "bias"))]
            if lacking:
                raise ValueError(f"it lacks the weights {', '.join(sorted(lacking))}")
        except (OSError, ValueError, AttributeError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UsageError(
                f"reading CLAP from {directory}: {reason}: name a directory that holds the "
                "configuration, weights, feature extractor and tokenizer of one ClapModel"
            ) from None
        model.eval()
        encoder = model.audio_model.audio_encoder
        encoder.enable_fusion = encoder.patch_embed.enable_fusion = False
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return cls(model, extractor, tokenizer)

    @property
    def rate(self) -> int:
        """Sampling rate in Hz."""
        return int(self.extractor.sampling_rate)

    @property
    def longest_s(self) -> float:
        """Seconds that it hears at once; shorter windows are repeated or padded to that."""
        return int(self.extractor.nb_max_samples) / self.rate

    @property
    def embedding(self) -> int:
        """Dimensions of the space of sounds and texts."""
        return int(self.model.config.projection_dim)

    @torch.inference_mode()
    def hear(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embedding (1, d) of samples (1, n) by torch and ClapFeatureExtractor: the reference."""
        loud = samples * min(PEAK / max(float(np.abs(samples).max()), 1e-9), MAX_GAIN)
        mel = self.extractor(
            loud[0].astype(float), sampling_rate=self.rate, return_tensors="pt"
        ).input_features[:, :1]  # with fusion there are four, all the same
        return _unit(self.model.get_audio_features(input_features=mel.float())).numpy()

    def tokens(self, text: str) -> tuple[Tensor, Tensor]:
        """Token ids and attention mask, int64 (1, t)."""
        encoded = self.tokenizer.encode(text)
        return torch.tensor([encoded.ids]), torch.tensor([encoded.attention_mask])

    @torch.inference_mode()
    def read(self, text: str) -> NDArray[np.float32]:
        """Embedding (1, d) of a text by torch."""
        return TextTower(self)(*self.tokens(text)).numpy()


def _check_form(directory: Path) -> None:
    """Raise ValueError for a model that windows or prompts cannot be given to."""
    if not (directory / "config.json").is_file():
        raise ValueError("there is no config.json")
    kind = json.loads((directory / "config.json").read_text("utf-8")).get("model_type")
    if kind != "clap":  # transformers would take it, and draw the weights at random
        raise ValueError(f"it is of type {kind!r}, not 'clap'")
    config: Any = ClapConfig.from_pretrained(directory)
    audio, text = config.audio_config, config.text_config
    if audio.enable_fusion and audio.fusion_type == "channel_map":
        raise ValueError("it fuses crops as channels, and cannot do without them")
    if text.max_position_embeddings < MAX_TOKENS + text.pad_token_id + 1:
        raise ValueError(
            f"its text tower has {text.max_position_embeddings} positions, {MAX_TOKENS} tokens "
            "must fit"
        )


class LogMel(nn.Module):
    """What `ClapFeatureExtractor` does to one window: (1, n) -> mel power in dB (1, 1, t, mels)."""

    def __init__(self, extractor: Any, samples: int) -> None:
        super().__init__()
        self.n_fft, self.hop = int(extractor.fft_window_size), int(extractor.hop_length)
        fusion = extractor.truncation == "fusion"
        filters = extractor.mel_filters if fusion else extractor.mel_filters_slaney
        self.filters: Tensor
        self.window: Tensor
        self.register_buffer("filters", torch.from_numpy(filters).float())
        self.register_buffer("window", torch.hann_window(self.n_fft))
        self.length = int(extractor.nb_max_samples)
        times = self.length / samples
        self.repeats = {"repeat": int(times) + 1, "repeatpad": int(times)}.get(extractor.padding, 1)

    def forward(self, samples: Tensor) -> Tensor:
        whole = samples.repeat(1, self.repeats)[:, : self.length]
        whole = F.pad(whole, (0, self.length - whole.shape[1]))
        spectrum = torch.stft(
            whole, self.n_fft, self.hop, window=self.window, pad_mode="reflect", return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)
        return 10 * torch.log10((power @ self.filters).clamp(min=FLOOR))[:, None]


class AudioTower(nn.Module):
    """Samples (1, n) -> unit embedding (1, d)."""

    def __init__(self, clap: Clap, samples: int) -> None:
        super().__init__()
        self.mel = LogMel(clap.extractor, samples)
        self.model = clap.model

    def forward(self, samples: Tensor) -> Tensor:
        peak = samples.abs().amax(dim=1, keepdim=True)
        loud = samples * (PEAK / peak.clamp(min=1e-9)).clamp(max=MAX_GAIN)
        return _unit(self.model.get_audio_features(input_features=self.mel(loud)))


class TextTower(nn.Module):
    """Tokens (n, t) -> unit embedding (n, d), behind it zeros up to ``width``."""

    def __init__(self, clap: Clap, width: int | None = None) -> None:
        super().__init__()
        self.model = clap.model
        self.zeros = max(0, (width or 0) - clap.embedding)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        read = _unit(self.model.get_text_features(input_ids, attention_mask))
        return F.pad(read, (0, self.zeros)) if self.zeros else read


def _unit(features: Any) -> Tensor:
    # before transformers 5 it was the tensor itself
    return F.normalize(getattr(features, "pooler_output", features), dim=-1)


def write_audio(clap: Clap, samples: int, path: Path) -> float:
    """Write the audio encoder; returns by how much it differs from torch at most.

    Raises
    ------
    RuntimeError
        It is more than `AUDIO_TOLERANCE`.
    """
    rng = np.random.default_rng(0)
    sample = torch.zeros(1, samples)
    save_graph(export_graph(AudioTower(clap, samples), (sample,), ["samples"], ["embedding"]), path)
    session = open_session(path, 1, arena=True)
    worst = 0.0
    for level in (1e-3, 0.1):
        noise = (level * rng.normal(size=(1, samples)) * rng.uniform(size=(1, samples))).astype(
            "f4"
        )
        (found,) = session.run(["embedding"], {"samples": noise})
        worst = max(worst, float(np.abs(found - clap.hear(noise)).max()))
    if not worst <= AUDIO_TOLERANCE:
        raise RuntimeError(f"{path} differs from torch by {worst:.2g}")
    return worst


def write_text(
    clap: Clap, path: Path, sentences: Sequence[str] = SENTENCES, width: int | None = None
) -> float:
    """Write the text encoder in 8 bits; returns the least cosine with torch over ``sentences``.

    Zeros fill its embeddings up to ``width``. Below `TEXT_COSINE` it is written in 32 bits instead.
    """
    pairs = [clap.tokens(sentence) for sentence in sentences[:2]]
    longest = max(ids.shape[1] for ids, _ in pairs)
    padding = int(clap.model.config.text_config.pad_token_id)
    sample = (
        torch.cat([F.pad(ids, (0, longest - ids.shape[1]), value=padding) for ids, _ in pairs]),
        torch.cat([F.pad(mask, (0, longest - mask.shape[1])) for _, mask in pairs]),
    )
    for eight_bit in (True, False):
        export_text(TextTower(clap, width), sample, path, eight_bit=eight_bit)
        least = _least_cosine(clap, path, sentences)
        if least >= TEXT_COSINE:
            return least
    raise RuntimeError(f"{path} differs from torch: the least cosine is {least:.3f}")


def _least_cosine(clap: Clap, path: Path, sentences: Sequence[str]) -> float:
    session = open_session(path, 1, arena=False)
    cosines = []
    for sentence in sentences:
        ids, mask = clap.tokens(sentence)
        feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        (found,) = session.run(["embedding"], feed)
        cosines.append(float((found[:, : clap.embedding] * clap.read(sentence)).sum()))
    return min(cosines)
