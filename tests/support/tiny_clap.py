"""A ClapModel with all its parts, random and small, as `from_pretrained` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

RATE = 16_000
LONGEST_S = 2
EMBEDDING = 48
WORDS = ("a", "the", "dog", "glass", "breaking", "barking", "sound", "someone", "knocking")


def save_clap(directory: Path, *, fusion: bool = False, padding: str = "repeatpad") -> Path:
    """Write the model's directory, the same each time."""
    torch.manual_seed(3)
    model = ClapModel(_config(fusion))
    model.text_model.embeddings.word_embeddings.weight.data *= 30  # so that words differ
    model.save_pretrained(directory)
    ClapFeatureExtractor(
        feature_size=16, sampling_rate=RATE, hop_length=160, max_length_s=LONGEST_S,
        fft_window_size=512, frequency_min=50, frequency_max=7_000,
        truncation="fusion" if fusion else "rand_trunc", padding=padding,
    ).save_pretrained(directory)  # fmt: skip
    _tokenizer().save_pretrained(directory)
    return directory


def _config(fusion: bool) -> ClapConfig:
    text = {
        "vocab_size": 4 + len(WORDS), "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 140,
        "projection_dim": EMBEDDING,
    }  # fmt: skip
    audio = {
        "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "patch_size": 4,
        "patch_stride": [4, 4], "patch_embeds_hidden_size": 16, "hidden_size": 32,
        "depths": [2, 1], "num_attention_heads": [2, 2], "num_hidden_layers": 2,
        "projection_dim": EMBEDDING, "enable_fusion": fusion, "fusion_type": "aff_2d",
        "aff_block_r": 4,
    }  # fmt: skip
    return ClapConfig(text_config=text, audio_config=audio, projection_dim=EMBEDDING)


def _tokenizer() -> Any:
    special = ("<s>", "<pad>", "</s>", "<unk>")  # numbered as RoBERTa has them
    vocabulary = {word: index for index, word in enumerate((*special, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    make: Any = PreTrainedTokenizerFast  # its constructor has no types
    return make(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )  # fmt: skip
