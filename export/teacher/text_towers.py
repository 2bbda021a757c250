"""The text tower, a part to be plugged: sentences -> one vector each, before the projection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from elsa_rt.errors import UsageError
from export.teacher.config import Text
from export.towers.text import MAX_TOKENS, SentenceEncoder, load_tokenizer, tokenize


class Reader(nn.Module):
    """Tokens (c, t) and their mask -> (c, width)."""

    width: int

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids and attention mask of sentences, both int64 (c, t)."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Reader:
        """A frozen tower stays without dropout."""
        super().train(mode and any(p.requires_grad for p in self.parameters()))
        return self


class SentenceReader(Reader):
    """MiniLM or another BERT with mean pooling."""

    def __init__(self, directory: Path, train: bool) -> None:
        super().__init__()
        self.encoder = SentenceEncoder(directory).requires_grad_(train)
        self.width = self.encoder.width
        self._tokenizer = load_tokenizer(directory)

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return tokenize(self._tokenizer, texts)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return torch.as_tensor(self.encoder(ids, mask))


class ClapReader(Reader):
    """The text tower of a `transformers.ClapModel`, before its projection."""

    def __init__(self, path: str, train: bool) -> None:
        super().__init__()
        from transformers import AutoTokenizer, ClapModel

        self.text = ClapModel.from_pretrained(path).text_model.requires_grad_(train)
        self.width = int(self.text.config.hidden_size)
        self._tokenizer = AutoTokenizer.from_pretrained(path)

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        said = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        return said["input_ids"], said["attention_mask"]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return torch.as_tensor(self.text(ids, attention_mask=mask).pooler_output)


def make_reader(settings: Text) -> Reader:
    """The plug; raises `UsageError` where its files are missing."""
    try:
        if settings.kind == "clap":
            return ClapReader(settings.path, settings.train)
        if not (Path(settings.path) / "tokenizer.json").is_file():
            raise FileNotFoundError(settings.path)
        return SentenceReader(Path(settings.path), settings.train)
    except OSError as error:  # what transformers raises for any absent file
        raise UsageError(
            f"model.text.path {settings.path!r} holds no {settings.kind} text tower: give its "
            "directory, e.g. --set model.text.path=..."
        ) from error
