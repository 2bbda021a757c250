"""Keys of a rules file, made from the fields of `Config` and `Rule`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from math import inf
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from elsa_rt.config import ALERTS, MEMORY, MODEL, RANGES, SIGNAL, Config, described
from elsa_rt.errors import UsageError
from elsa_rt.prompts.checks import MAX_PROMPT_CHARACTERS, check_prompt
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import MAX_SLUG, Rule
from elsa_rt.rules.schedule import EXAMPLE, parse_window, time_zone
from elsa_rt.rules_file.output_tables import any_output
from elsa_rt.user_files.value_types import Choice, Flag, Key, Kind, Many, Number, Table, Text

SECTIONS = {"microphone": SIGNAL, "model": MODEL, "alerts": ALERTS, "remember": MEMORY}
"""The tables of a file that hold settings of `Config`, and their group there."""

ID = rf"^[A-Za-z0-9_-]{{1,{MAX_SLUG}}}$"

QUIETEST_DBFS = -120.0

_RULE_FIELDS = {field.name for field in fields(Rule)}


def file_key(setting: str) -> str:
    """Key of a setting of `Config` in a rules file: the rule's key where rules have one."""
    if setting == "microphone":
        return "profile"
    if setting.startswith("remember"):
        return setting.removeprefix("remember").lstrip("_") or "store"
    short = setting.removeprefix("alert_")
    return short if short in _RULE_FIELDS else setting


def setting_names(section: str) -> dict[str, str]:
    """The names in `Config` of the keys of ``section``."""
    return {
        file_key(setting.name): setting.name
        for setting in described()
        if setting.metadata["group"] == SECTIONS[section]
    }


def file_table() -> Table:
    """The whole file."""
    return Table(
        {
            "microphone": Key(Table(_settings("microphone") | {"source": _SOURCE}), SIGNAL),
            "model": Key(Table(_settings("model")), MODEL),
            "alerts": Key(Table(_settings("alerts")), "what holds for rules that say nothing else"),
            "remember": Key(Table(_settings("remember"), needed=("store",)), MEMORY),
            "time_zone": Key(
                Text(check=time_zone), "of all schedules, e.g. Europe/Berlin; else the computer's"
            ),
            "schedule": Key(_SCHEDULE, "when rules listen that have no schedule of their own"),
            "rules": Key(Many(rule_table()), "what to listen for"),
            "outputs": Key(Many(any_output()), "where alerts go beside standard output"),
        },
        needed=("rules",),
    )


def rule_table() -> Table:
    """One rule."""
    words = Text(check=check_prompt, pattern=rf"\w(.|\s){{0,{MAX_PROMPT_CHARACTERS}}}")
    return Table(
        {
            "id": Key(
                Text(ID, f"up to {MAX_SLUG} of the letters a-z and A-Z, digits, - and _"),
                "the rule's name in alerts; made from its first prompt if left out",
            ),
            "prompt": Key(words, "what to listen for, a sentence in English"),
            "prompts": Key(Many(words), "several ways to say the same thing"),
            "but_not": Key(Many(words, lone=True), "sounds that resemble it and must not alert"),
            "examples": Key(
                Many(Text(), lone=True), "recordings of the sound; paths start at this file"
            ),
            "region": Key(
                Many(_region_table(), lone=True),
                "where it must sound, one part or a list of several; overrides words about place",
            ),
            "level_dbfs": Key(
                Number(QUIETEST_DBFS, 0), "at least so loud; without words it alerts by itself"
            ),
            "false_alarms_per_hour": Key(
                Number(*RANGES["false_alarms_per_hour"]),
                "how many false alarms an hour it may raise",
            ),
            "alert_start": Key(_SCORE, "score that starts an alert"),
            "alert_end": Key(_SCORE, "score below which it may end"),
            "confirm_s": Key(Number(0), "seconds that the score must hold before the start"),
            "release_s": Key(Number(0), "seconds below the end score before the end"),
            "cooldown_s": Key(Number(0), "seconds after an end before the next start"),
            "schedule": Key(_SCHEDULE, "when it listens, e.g. mon-fri 22:00-06:00"),
            "at_most": Key(Text(check=RateLimit.parse), "how many alerts may start: 3 per hour"),
            "learn": Key(Flag(), "false: what is said of its alerts changes nothing"),
        },
        needed_any=("prompt", "prompts", "examples", "level_dbfs"),
        exclusive=(("prompt", "prompts"), ("alert_start", "false_alarms_per_hour")),
    )


def _region_table() -> Table:
    def pair(least: float, most: float) -> Kind:
        return Many(Number(least, most, endless=most == inf), count=2)

    return Table(
        {
            "azimuth_deg": Key(
                pair(-180, 180),
                "from the first angle counter-clockwise to the second; left is positive, "
                "[145, -145] lies behind",
            ),
            "elevation_deg": Key(pair(-90, 90), "from the lower to the higher; up is positive"),
            "distance_m": Key(pair(0, inf), "from the nearer to the farther, which may be .inf"),
        },
        needed_any=("azimuth_deg", "elevation_deg", "distance_m"),
    )


def _settings(section: str) -> dict[str, Key]:
    hints = get_type_hints(Config)
    named = {setting.name: setting for setting in described()}
    return {
        key: Key(_kind(named[name], hints[name]), named[name].metadata["help"], named[name].default)
        for key, name in setting_names(section).items()
    }


def _kind(setting: Field[Any], hint: Any) -> Kind:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    least, most = RANGES.get(setting.name, (-inf, inf))
    if hint is bool:
        return Flag()
    if setting.name == "alert_at_most":
        return Text(check=RateLimit.parse)
    if setting.metadata["choices"]:
        return Choice(setting.metadata["choices"])
    if get_origin(hint) is tuple:
        return Many(Number(1, whole=True), count=4)
    if hint in (int, float):
        return Number(least, most, whole=hint is int)
    return Text()


def _window(text: str) -> Callable[[str], object] | None:
    try:
        parse_window(text)
    except UsageError as error:
        raise UsageError(str(error).removeprefix("schedule ")) from None
    return None


_SCHEDULE = Many(Text(check=_window, needed=EXAMPLE), lone=True)
_SCORE = Number(0, 1, beyond=True)
_SOURCE = Key(Text(), "a file, - for standard input, or a microphone by number or part of its name")
