"""Set-up of a listener: its settings, model and prompts from what its maker gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce
from elsa_rt.notices import OnNotice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.rule import Rule

DEFAULT_KNOWN_SOUNDS = 3
"""Known sounds that a listener without any prompt names in each hearing."""


class Setup(NamedTuple):
    """What a listener starts with."""

    config: Config
    encoder: AudioEncoder
    bank: PromptBank

    @classmethod
    def of(
        cls,
        prompts: Iterable[str | Rule] | PromptBank | None,
        config: Config | None,
        encoder: AudioEncoder | None,
        on_notice: OnNotice,
        settings: dict[str, Any],
    ) -> Setup:
        """Check the arguments of a listener and load what they name, see `Listener`."""
        config = Config() if config is None else coerce(config, Config, "config")
        config = config.changed(**settings)
        if prompts is not None and (config.rules or config.prompts):
            raise UsageError(
                "prompts were given beside the prompts or rules of the settings: give one of the "
                "two, e.g. config.changed(prompts=(), rules=())"
            )
        coerce(encoder, AudioEncoder | None, "encoder")
        if encoder is None:
            encoder = AudioEncoder(ModelBundle.load(config.bundle), config, on_notice)
        else:
            config = encoder.settings_in(config)
        if prompts is None:
            bank = PromptBank.of(encoder.bundle, config.rules or config.prompts, config, encoder)
        elif isinstance(prompts, PromptBank):
            bank = PromptBank.of(encoder.bundle, prompts, config, encoder)
        else:
            bank = PromptBank.encode(encoder.bundle, prompts, config, encoder)
        if config.known_sounds is None:
            config = config.changed(known_sounds=0 if bank.rules else DEFAULT_KNOWN_SOUNDS)
        return cls(config, encoder, bank)
