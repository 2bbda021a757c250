"""Whatever type comes through the door of the package: it works, or an ElsaError says the cure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import elsa_rt
from elsa_rt import (
    ArraySource,
    AudioEncoder,
    Block,
    Config,
    ElsaError,
    Listener,
    Listeners,
    Memory,
    ModelBundle,
    PromptBank,
    Region,
    Rule,
    Schedule,
    UsageError,
    embed_text,
)
from elsa_rt.config import CHANGEABLE
from elsa_rt.memory.store import Store
from elsa_rt.settings import AlertSettings, Settings
from elsa_rt.sources.open import open_source

RATE = 16_000
SOUND = np.zeros((4, 1600), np.float32)


class Stranger:
    """An object of no use, whose conversions fail in a way of their own."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError


WRONG: list[Any] = [
    "text", "", 3, -1, 2.5, float("nan"), float("inf"), True, b"bytes", None, object(), Stranger(),
    np.zeros((3, 2)), np.array("text"), [1, [2, 3]], ("a", 1), {"a": 1}, {1}, int, len, lambda: 1,
    10**400, np.float32("nan"), Path("no/such"),
]  # fmt: skip


def only_elsa_errors(call: Callable[[Any], object]) -> None:
    """Call with every wrong value; anything but an ElsaError fails the test."""
    for value in WRONG:
        with contextlib.suppress(ElsaError):
            call(value)


def by_name(call: Callable[..., object], name: str, **right: Any) -> Callable[[Any], object]:
    """``call`` that takes a value as the argument ``name``, beside those that are right."""
    return lambda value: call(**right | {name: value})


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


@pytest.fixture
def listener(encoder: AudioEncoder) -> Listener:
    return Listener(["a hum"], encoder=encoder, on_notice=lambda _: None)


@pytest.mark.parametrize("name", [field.name for field in fields(Config)])
def test_every_setting(name: str) -> None:
    only_elsa_errors(by_name(Config, name))


@pytest.mark.parametrize("kind", [Rule, Region, Schedule, Block])
def test_every_field_of_plain_data(kind: type[Any]) -> None:
    right: dict[type[Any], dict[str, Any]] = {
        Rule: {"id": "hum"}, Schedule: {"times": ("mon",)}, Block: {"samples": SOUND, "rate": RATE},
    }  # fmt: skip
    for field in fields(kind):
        only_elsa_errors(by_name(kind, field.name, **right.get(kind, {})))


def test_makers_of_models_and_banks(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = ModelBundle.load(bundle)
    monkeypatch.setattr("elsa_rt.encoder.bundle.DEFAULT", bundle)
    only_elsa_errors(ModelBundle.load)
    only_elsa_errors(AudioEncoder)
    only_elsa_errors(lambda value: AudioEncoder(loaded, value))
    only_elsa_errors(lambda value: PromptBank.encode(value, ["a hum"]))
    only_elsa_errors(lambda value: PromptBank.encode(loaded, value))
    only_elsa_errors(lambda value: PromptBank.encode(loaded, [value]))
    only_elsa_errors(lambda value: PromptBank.encode(loaded, ["a hum"], value))
    only_elsa_errors(lambda value: PromptBank.encode(loaded, ["a hum"], None, value))
    only_elsa_errors(PromptBank.empty)
    only_elsa_errors(embed_text)
    only_elsa_errors(lambda value: embed_text(["a hum"], value))
    only_elsa_errors(lambda value: embed_text(["a hum"], config=value))
    only_elsa_errors(lambda value: embed_text(["a hum"], on_notice=value))


def test_making_a_listener(bundle: Path, encoder: AudioEncoder) -> None:
    right: dict[str, Any] = {"encoder": encoder, "on_notice": lambda _: None}
    for name in ("prompts", "source", "config", "encoder", "on_notice", "began_s"):
        only_elsa_errors(by_name(Listener, name, **right))
    only_elsa_errors(lambda value: Listener(["a hum"], bundle=value, encoder=encoder))


def test_several_listeners(bundle: Path, encoder: AudioEncoder) -> None:
    right: dict[str, Any] = {"prompts": ["a hum"], "sources": ["one"], "encoder": encoder,
                             "on_notice": lambda _: None}  # fmt: skip
    for name in ("prompts", "sources", "config", "encoder", "on_notice"):
        only_elsa_errors(by_name(Listeners, name, **right | {"bundle": bundle}))
    together = Listeners(**right)
    only_elsa_errors(together.push)
    only_elsa_errors(lambda value: together.push({"one": value}))
    only_elsa_errors(lambda value: together.push({"one": SOUND}, value))


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    only_elsa_errors(lambda value: open_source(value, Config(), lambda _: None))
    only_elsa_errors(lambda value: open_source((value, RATE), Config()))
    only_elsa_errors(lambda value: open_source((SOUND, value), Config()))
    only_elsa_errors(lambda value: ArraySource(value, RATE))
    only_elsa_errors(lambda value: ArraySource(SOUND, value))
    only_elsa_errors(lambda value: ArraySource(SOUND, RATE, value))
    only_elsa_errors(lambda value: ArraySource(SOUND, RATE, name=value))


def test_what_a_listener_does(listener: Listener) -> None:
    only_elsa_errors(listener.push)
    only_elsa_errors(lambda value: listener.push(value, RATE))
    only_elsa_errors(lambda value: listener.push(SOUND, value))
    only_elsa_errors(lambda value: listener.push(Block(SOUND, RATE), value))
    only_elsa_errors(listener.change_rules)
    only_elsa_errors(lambda value: listener.change_rules([value]))
    for name in CHANGEABLE:
        only_elsa_errors(by_name(listener.change_rules, name, rules=["a"]))
    only_elsa_errors(listener.add_prompt)
    only_elsa_errors(listener.remove_prompt)
    only_elsa_errors(listener.fail)
    only_elsa_errors(listener.set_orientation)
    for name in ("yaw_deg", "pitch_deg", "roll_deg", "time_s", "captured_s"):
        only_elsa_errors(by_name(listener.set_orientation, name))
    listener.source = ArraySource(SOUND, RATE)
    for name in ("on_hearing", "on_alert", "on_error"):
        with pytest.raises(UsageError, match=f"{name} 3: a function is needed"):
            by_name(listener.start, name)(3)


def test_the_typed_settings_are_the_fields_of_config() -> None:
    typed, real = get_type_hints(Settings), get_type_hints(Config)
    assert typed.keys() == real.keys()
    assert get_type_hints(AlertSettings).keys() == set(CHANGEABLE)
    literals = ("frame", "format", "mount", "sample_format", "engine", "precision", "provider")
    plain = {
        name
        for name in real
        if "Iterable" not in str(typed[name]) and "Path" not in str(typed[name])
    }
    assert plain > set(literals)
    assert {name: typed[name] for name in plain} == {name: real[name] for name in plain}


def test_every_public_callable_is_walked_through() -> None:
    made_by_listeners = {
        "Alert",
        "Hearing",
        "Health",
        "HealthEvent",
        "Listening",
        "Score",
        "Track",
        "DeviceInfo",
        "Recollection",
        "Remembered",
        "Source",
        "devices",
    }
    callables = {
        name for name in elsa_rt.__all__ if callable(getattr(elsa_rt, name))
    } - made_by_listeners
    errors = {name for name in callables if name.endswith("Error")}
    text = Path(__file__).read_text("utf-8")
    assert not {name for name in callables - errors if f"{name}" not in text}


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[Memory]:
    path = tmp_path_factory.mktemp("memory") / "past"
    Store.open(path, create=True).close()
    with Memory.open(path, bundle=bundle, on_notice=lambda _: None) as opened:
        yield opened


def test_memory(memory: Memory) -> None:
    only_elsa_errors(Memory.open)
    for name in signature(memory.recall).parameters:
        if name != "config":
            only_elsa_errors(by_name(memory.recall, name))
    only_elsa_errors(by_name(memory.recall, "config", text="a hum"))
    for name in signature(memory.unusual).parameters:
        only_elsa_errors(by_name(memory.unusual, name))


def test_transposed_samples_are_refused_or_doubted(encoder: AudioEncoder) -> None:
    told: list[str] = []
    listener = Listener(["a hum"], encoder=encoder, on_notice=told.append)
    with pytest.raises(elsa_rt.SourceError, match=r"shape \(4800, 4\).* perhaps samples\.T"):
        listener.push(np.zeros((4800, 4), np.float32), RATE)
    with pytest.raises(elsa_rt.SourceError, match=r"shape \(4800, 4\).* perhaps samples\.T"):
        Block(np.zeros((4800, 4), np.float32), RATE)
    with pytest.raises(elsa_rt.SourceError, match=r"shape \(480, 4\).* perhaps samples\.T"):
        Block(np.zeros((480, 4), np.float32), RATE)
    Block(np.zeros((255, 130), np.float32), RATE)
    Block(np.zeros((255, 4), np.float32), RATE, start=RATE)  # the last of many channels
    listener.push(np.zeros((64, 4), np.float32), RATE)
    assert told == [
        "the first block has 64 channels of 4 samples: if these are 64 samples of 4 channels, "
        "push samples.T"
    ]


def test_settings_that_an_encoder_has_decided(encoder: AudioEncoder, tmp_path: Path) -> None:
    for given in ({"engine": "tensorrt"}, {"precision": "int8"}, {"threads": 3},
                  {"bundle": str(tmp_path)}, {"provider": "cuda"}):  # fmt: skip
        (name,) = given
        setting: Any = given
        with pytest.raises(UsageError, match=f"^{name} .* beside an encoder that was loaded with"):
            Listener(["a hum"], encoder=encoder, **setting)
        with pytest.raises(UsageError, match=f"^{name} .* beside an encoder"):
            Listener(["a hum"], config=Config(**setting), encoder=encoder)
    kept = Listener(
        ["a hum"], encoder=encoder, bundle=encoder.bundle.path, on_notice=lambda _: None
    )
    assert kept.config.bundle == str(encoder.bundle.path)
    assert kept.config.engine == encoder.config.engine


def test_prompts_beside_rules(encoder: AudioEncoder) -> None:
    with pytest.raises(UsageError, match="beside the prompts or rules of the settings"):
        Listener(["a hum"], rules=[Rule("x", ("a hiss",))], encoder=encoder)
    with pytest.raises(UsageError, match="prompts 'a hum' beside rules x"):
        Listener(config=Config(prompts=("a hum",), rules=(Rule("x", ("a hiss",)),)))


def test_an_array_is_a_source_with_its_rate(encoder: AudioEncoder, scene: Any) -> None:
    with pytest.raises(UsageError, match=r"array of shape \(4, 1600\) without its rate"):
        list(Listener(["a hum"], SOUND, encoder=encoder))  # type: ignore[arg-type]
    heard = list(Listener(["a hum"], (scene, RATE), encoder=encoder, on_notice=lambda _: None))
    pushed = Listener(["a hum"], encoder=encoder, on_notice=lambda _: None)
    by_hand = [h for at in range(0, scene.shape[1], 1600)
               for h in pushed.push(scene[:, at : at + 1600], RATE)]  # fmt: skip
    assert heard == by_hand + pushed.finish()
    assert heard[-1].time_s == pytest.approx(6.0)
