"""The text tower: MiniLM, mean pooling, and a projection into the space of the sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from export.settings import EMBEDDING

MAX_TOKENS = 128


class TextProjection(nn.Module):
    """Pooled sentence (n, 384) -> unit embedding (n, 512)."""

    def __init__(self, width: int = 384) -> None:
        super().__init__()
        self.linear = nn.Linear(width, EMBEDDING)
        self.deep = nn.Sequential(
            nn.Linear(width, 768), nn.GELU(), nn.Dropout(0.1), nn.Linear(768, EMBEDDING)
        )

    def forward(self, pooled: Tensor) -> Tensor:
        return F.normalize(self.linear(pooled) + self.deep(pooled), dim=-1)


class SentenceEncoder(nn.Module):
    """A BERT-like encoder with mean pooling: tokens (n, t) -> unit sentence vector (n, width)."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        from transformers import AutoModel

        self.bert = AutoModel.from_pretrained(directory, attn_implementation="eager")
        self.width = int(self.bert.config.hidden_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[:, :, None].to(tokens.dtype)
        return F.normalize((tokens * mask).sum(1) / mask.sum(1).clamp(min=1), dim=-1)


class TextTower(nn.Module):
    """Tokens (n, t) -> unit embedding (n, 512): what is exported as ``text_encoder.onnx``."""

    def __init__(self, sentences: SentenceEncoder, projection: TextProjection) -> None:
        super().__init__()
        self.sentences = sentences
        self.projection = projection

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return torch.as_tensor(self.projection(self.sentences(input_ids, attention_mask)))


def load_tokenizer(directory: Path) -> Tokenizer:
    """The directory's tokenizer, padding each batch to its longest and cutting at 128 tokens."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    return tokenizer


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, both int64 (n, t)."""
    encoded = tokenizer.encode_batch(list(texts))
    return (
        torch.tensor([e.ids for e in encoded]),
        torch.tensor([e.attention_mask for e in encoded]),
    )


@torch.inference_mode()
def pool_sentences(directory: Path, texts: Sequence[str], batch: int = 64) -> NDArray[np.float16]:
    """Sentence vectors (n, width) of many texts by the frozen encoder in ``directory``."""
    encoder, tokenizer = SentenceEncoder(directory).eval(), load_tokenizer(directory)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    pooled = np.empty((len(texts), encoder.width), np.float16)
    for start in tqdm(range(0, len(order), batch), desc="captions", unit="batch"):
        chosen = order[start : start + batch]
        ids, mask = tokenize(tokenizer, [texts[i] for i in chosen])
        pooled[chosen] = encoder(ids, mask).numpy()
    return pooled
