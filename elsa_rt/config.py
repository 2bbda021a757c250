"""Every setting of a listener, and the only home of its defaults.

The options of the command line are made from these fields: an underscore becomes a hyphen,
the metadata is its help.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from math import inf, isfinite
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, cast, get_args

from elsa_rt.audio.ambisonics import FORMATS, MOUNTS, Format, Mount
from elsa_rt.audio.block import MAX_RATE_HZ
from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce, hints_of
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule
from elsa_rt.settings import Engine, Frame, Precision, Provider, SampleFormat

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from elsa_rt.settings import Settings

SAMPLE_FORMATS: tuple[SampleFormat, ...] = get_args(SampleFormat)
ENGINES: tuple[Engine, ...] = get_args(Engine)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

MIN_FALSE_ALARMS, MAX_FALSE_ALARMS = 1e-4, 1_000.0
"""Allowed range. Rarer rates cannot be estimated from a few hours of background."""

FILES = ("microphone", "bundle", "site", "feedback", "remember")
"""Settings that may be paths."""

ENCODER = ("bundle", "engine", "precision", "provider", "compile", "threads", "sounds")
"""Settings that a loaded encoder has decided."""

SIGNAL, MODEL, ALERTS = "the microphone and its signal", "the model", "alerts"
MEMORY = "the memory of the past"
"""What settings are about."""

RANGES: dict[str, tuple[float, float]] = {
    "rate": (1_000, MAX_RATE_HZ),
    "north_deg": (-180, 180),
    "input_channels": (1, 1_024),
    "threads": (1, inf),
    "known_sounds": (0, inf),
    "sounds": (1, 2),
    "alert_start": (0, 1),
    "alert_end": (0, 1),
    "false_alarms_per_hour": (MIN_FALSE_ALARMS, MAX_FALSE_ALARMS),
    "feedback_half_life_days": (0.01, inf),
    "feedback_keep_days": (0.01, inf),
    "alert_confirm_s": (0, inf),
    "alert_release_s": (0, inf),
    "alert_cooldown_s": (0, inf),
    "alert_update_s": (0, inf),
    "track_release_s": (0, inf),
    "remember_days": (0.01, inf),
    "remember_max_mb": (1, inf),
}
"""What numbers may be, least and most; infinity itself is none."""


def _setting(group: str, default: Any, help: str, choices: tuple[str, ...] | None = None) -> Any:
    return field(default=default, metadata={"group": group, "help": help, "choices": choices})


@dataclass(frozen=True)
class Config:
    """Settings of a listener, validated and frozen."""

    prompts: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    frame: Frame = "microphone"
    run: str = ""

    microphone: str | None = _setting(
        SIGNAL, None, "a profile that elsa-rt microphones lists, or the file of one"
    )
    format: Format | None = _setting(
        SIGNAL, None, "what the channels are (default: what the profile says, else ambix)", FORMATS
    )
    channels: tuple[int, ...] | None = _setting(
        SIGNAL,
        None,
        "which four channels to use, counted from 1, e.g. 1,2,3,4 (default: those of the profile, "
        "else the first four)",
    )
    mount: Mount | None = _setting(
        SIGNAL,
        None,
        "how the microphone is mounted (default: what the profile says, else upright)",
        MOUNTS,
    )
    yaw_deg: float = _setting(SIGNAL, 0.0, "the microphone is turned left by this many degrees")
    pitch_deg: float = _setting(SIGNAL, 0.0, "its nose is dipped by this many degrees")
    roll_deg: float = _setting(SIGNAL, 0.0, "its left side is lifted by this many degrees")
    north_deg: float | None = _setting(
        SIGNAL,
        None,
        "where north is, so that prompts may name compass points: its azimuth, left positive, in "
        "the axes of prompts",
    )
    rate: int | None = _setting(
        SIGNAL, None, "sampling rate in Hz of a microphone or of standard input"
    )
    wait_for_device: bool = _setting(
        SIGNAL, False, "wait for a microphone that is not there yet, as after booting"
    )
    sample_format: SampleFormat = _setting(
        SIGNAL,
        "s16",
        "raw samples; s24 is three packed bytes, s24-in-32 is S24_LE of ALSA",
        SAMPLE_FORMATS,
    )
    input_channels: int | None = _setting(
        SIGNAL, None, "how many channels a microphone is opened with, or standard input carries"
    )
    realtime: bool = _setting(
        SIGNAL, False, "play a file at its own speed instead of as fast as possible"
    )

    bundle: str | None = _setting(
        MODEL, None, "directory of a model bundle (default: the bundled model)"
    )
    engine: Engine = _setting(MODEL, "auto", "what runs the model", ENGINES)
    precision: Precision = _setting(
        MODEL, "auto", "numbers of the audio encoder; auto is fp32, on TensorRT fp16", PRECISIONS
    )
    provider: Provider = _setting(MODEL, "cpu", "where onnx runs", PROVIDERS)
    compile: bool = _setting(
        MODEL, True, "build a plan for the TensorRT that was asked for, where none fits"
    )
    threads: int = _setting(MODEL, 1, "threads of onnx")
    sounds: int = _setting(
        MODEL,
        1,
        "how many sounds to hear at once, 1 or 2: two more streams of the model run while two "
        "directions are alive",
    )
    known_sounds: int | None = _setting(
        MODEL,
        None,
        "how many of the nearest known sounds each hearing names (default: 3 without any prompt, "
        "else 0)",
    )

    false_alarms_per_hour: float = _setting(
        ALERTS, 1.0, "how often each prompt may raise an alert where its sound is not"
    )
    alert_start: float | None = _setting(
        ALERTS, None, "score 0..1 that starts an alert (default: what keeps the false alarms)"
    )
    alert_end: float | None = _setting(
        ALERTS, None, "score 0..1 below which an alert may end (default: well below the start)"
    )
    site: str | None = _setting(
        ALERTS, None, "what elsa-rt calibrate site learned of this place: its name, or a file"
    )
    feedback: str | None = _setting(
        ALERTS,
        None,
        "where elsa-rt feedback finds the alerts and keeps what was said of them: a name, or a "
        "file .jsonl (default: beside the site; without a site nothing is kept)",
    )
    feedback_half_life_days: float = _setting(
        ALERTS, 60.0, "what was said of an alert counts half as much after so many days"
    )
    feedback_keep_days: float = _setting(
        ALERTS, 30.0, "an alert can be judged for so many days, and of all alerts the latest 2000"
    )
    alert_confirm_s: float = _setting(
        ALERTS, 0.16, "seconds that the score must hold, short gaps aside, before the start"
    )
    alert_release_s: float = _setting(
        ALERTS, 1.0, "an alert whose sound is not heard for so many seconds ends"
    )
    alert_cooldown_s: float = _setting(
        ALERTS, 0.0, "seconds after the end of an alert in which no other of its rule starts"
    )
    alert_at_most: str | None = _setting(
        ALERTS,
        None,
        'how many alerts of a rule may start, e.g. "3 per hour" (default: as many as there are)',
    )
    why: bool = _setting(
        ALERTS, False, "tell why rules that came near did not alert: reasons and near misses"
    )
    alert_group: bool = _setting(
        ALERTS,
        False,
        "tell one alert of a sound, that of the rule that is surest: what others hear of it joins",
    )
    alert_update_s: float | None = _setting(
        ALERTS,
        None,
        "tell of an open alert each so many seconds, and earlier when its direction moves by more "
        "than 10 degrees (default: its start and its end alone)",
    )
    track_release_s: float = _setting(
        ALERTS, 2.0, "a sound that is not heard for so many seconds loses its track"
    )

    remember: str | None = _setting(
        MEMORY,
        None,
        "directory of a store in which each sound leaves a row: time, place, meaning, no sound",
    )
    remember_days: float | None = _setting(
        MEMORY, None, "rows older than this are forgotten (default: none is too old)"
    )
    remember_max_mb: float = _setting(
        MEMORY, 1000.0, "million bytes that a store may take; the oldest rows are forgotten first"
    )

    def __post_init__(self) -> None:
        self._check_types()
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not (least <= value <= most and value < inf):
                allowed = f"{least} or more" if most == inf else f"{least}..{most}"
                raise UsageError(f"{option(name)} {value}: {allowed} is needed")
        self._check_rules()
        start, end = self.alert_start, self.alert_end
        if not 0 < (end or start or 1) <= (start or 1) <= 1 or 0 in (start, end):
            raise UsageError(
                f"alert scores: end {end} and start {start} must keep 0 < end <= start <= 1: "
                "change --alert-start or --alert-end"
            )
        if self.alert_at_most is not None:
            RateLimit.parse(self.alert_at_most)
        if self.channels is not None and (
            len(self.channels) != 4 or len(set(self.channels)) != 4 or min(self.channels) < 1
        ):
            raise UsageError(
                f"--channels {','.join(map(str, self.channels))}: four different channels counted "
                "from 1 are needed, e.g. --channels 1,2,3,4"
            )

    def _check_types(self) -> None:
        """Bring every field to the type of its hint: a list to a tuple, a path to text."""
        named = {setting.name for setting in described()}
        for name, hint in hints_of(Config).items():
            value = given = getattr(self, name)
            if name in FILES and isinstance(value, PathLike):
                value = fspath(value)
            value = coerce(value, hint, option(name) if name in named else name)
            if isinstance(value, float) and not isfinite(value):
                raise UsageError(f"{option(name)} {value}: a finite number is needed")
            if value is not given:
                object.__setattr__(self, name, value)

    def _check_rules(self) -> None:
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) < len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise UsageError(f"two rules are called {twice!r}: each needs an id of its own")
        if self.prompts and self.rules and self.prompts != tuple(r.label for r in self.rules):
            raise UsageError(
                f"prompts {', '.join(map(repr, self.prompts))} beside rules "
                f"{', '.join(ids)}: give one of the two; prompts=() leaves the rules"
            )

    def changed(self, **settings: Unpack[Settings]) -> Config:
        """A copy in which ``settings`` are others."""
        names = [setting.name for setting in fields(Config)]
        for name in settings.keys() - set(names):
            near = get_close_matches(name, names, 1) or names
            raise UsageError(f"there is no setting {name!r}: did you mean {', '.join(near)}?")
        return replace(self, **cast(dict[str, Any], settings))


def described() -> list[Field[Any]]:
    """The settings that are options, too: all but prompts, rules and the frame."""
    return [setting for setting in fields(Config) if "help" in setting.metadata]


CHANGEABLE = tuple(
    setting.name
    for setting in described()
    if setting.metadata["group"] == ALERTS and setting.name != "track_release_s"
)
"""Settings that may change while listening."""


def option(name: str) -> str:
    """Command-line option of the setting ``name``."""
    return "--" + name.replace("_", "-")


Config.__doc__ = "\n".join(
    [
        f"{Config.__doc__}\n",
        "prompts : sentences to listen for",
        "rules : the same in detail, in place of prompts",
        "run : stands in every id, so that ids of several runs differ",
        "frame : whose axes prompts and words mean, those of the microphone or, after "
        "Listener.set_orientation, of the world",
        *(f"{setting.name} : {setting.metadata['help']}" for setting in described()),
    ]
)
