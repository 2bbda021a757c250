"""Rules files: what they say, and each mistake with its line and cure."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import soundfile

from elsa_rt.config import Config, described
from elsa_rt.outputs.rotating import JsonlFile
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.rules.schedule import Schedule
from elsa_rt.rules_file import schema
from elsa_rt.rules_file.keys import SECTIONS, file_table, rule_table, setting_names
from elsa_rt.rules_file.reader import RulesFile, read_rules
from elsa_rt.user_files.problems import FileError, Problem
from elsa_rt.user_files.yaml_lines import MAX_BYTES, parse

WHOLE = """\
# a comment
microphone:
  source: room.wav
  profile: respeaker-4-mic
  mount: inverted
  yaw_deg: 90
  channels: [4, 3, 2, 1]
model: {engine: onnx, threads: 2}
alerts:
  alert_start: 0.6
  confirm_s: 0.4
time_zone: Europe/Berlin
schedule: 22:00-06:00
rules:
  - id: glass
    prompts: [glass breaking, a window is smashed]
    but_not: dishes clattering
    examples: clip.wav
    region:
      azimuth_deg: [145, -145]
      distance_m: [0, .inf]
    false_alarms_per_hour: 1e-1
    cooldown_s: 30
  - prompt: a dog barking
    alert_start: 0.7
    alert_end: 0.4
    schedule: [mon-fri 08:00-18:00, sun]
  - id: loud
    level_dbfs: -20
outputs:
  - {type: jsonl, path: alerts.jsonl, daily: true, keep: 3}
"""

RULE = "rules:\n  - prompt: a dog\n"


def write(directory: Path, text: str) -> Path:
    path = directory / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(directory: Path, text: str) -> RulesFile:
    return read_rules(write(directory, text))


def mistakes(directory: Path, text: str) -> list[Problem]:
    with pytest.raises(FileError) as refused:
        read(directory, text)
    assert refused.value.exit_code == 2
    assert str(refused.value).startswith(str(directory / "rules.yaml"))
    return list(refused.value.problems)


def test_the_whole_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", np.zeros(100), 16_000)
    file = read(tmp_path, WHOLE)
    assert file.settings == {
        "microphone": "respeaker-4-mic", "mount": "inverted", "yaw_deg": 90.0,
        "channels": (4, 3, 2, 1), "engine": "onnx", "threads": 2, "alert_start": 0.6,
        "alert_confirm_s": 0.4,
    }  # fmt: skip
    night = Schedule(("22:00-06:00",), "Europe/Berlin")
    assert file.rules == (
        Rule(
            "glass",
            ("glass breaking", "a window is smashed"),
            ("dishes clattering",),
            (str(tmp_path / "clip.wav"),),
            Region(azimuth_deg=(145, -145), distance_m=(0, inf)),
            false_alarms_per_hour=0.1,
            cooldown_s=30,
            schedule=night,
        ),
        Rule(
            "a-dog-barking",
            ("a dog barking",),
            alert_start=0.7,
            alert_end=0.4,
            schedule=Schedule(("mon-fri 08:00-18:00", "sun"), "Europe/Berlin"),
        ),
        Rule("loud", level_dbfs=-20, schedule=night),
    )
    assert file.rule_lines == {"glass": 15, "a-dog-barking": 24, "loud": 28}
    assert file.source == str(tmp_path / "room.wav")
    assert file.outputs == (JsonlFile(str(tmp_path / "alerts.jsonl"), daily=True, keep=3),)
    Config(rules=file.rules, **file.settings)


def test_a_device_is_no_file_beside_the_rules(tmp_path: Path) -> None:
    assert read(tmp_path, f"microphone: {{source: 'hw:1'}}\n{RULE}").source == "hw:1"
    assert read(tmp_path, f"microphone: {{source: '-'}}\n{RULE}").source == "-"
    assert read(tmp_path, RULE).source is None


def test_every_setting_has_a_place_in_the_file() -> None:
    names = [name for section in SECTIONS for name in setting_names(section).values()]
    assert sorted(names) == sorted(setting.name for setting in described())


def test_every_field_of_a_rule_is_a_key() -> None:
    fields = {field for field in Rule.__dataclass_fields__}
    assert rule_table().keys.keys() - {"prompt"} == fields


BAD: dict[str, tuple[str, int, str]] = {
    "unknown key": (RULE + "    azimut: 3\n", 3, "unknown key 'azimut'"),
    "near a key": (RULE + "    region: {azimut: [1, 2]}\n", 3, "did you mean azimuth_deg?"),
    "unknown section": (RULE + "mqtt: {}\n", 3, "unknown key 'mqtt': there are microphone"),
    "no rules": ("model: {threads: 1}\n", 1, "rules is missing: what to listen for"),
    "empty file": ("", 1, "rules is missing"),
    "empty rules": ("rules: []\n", 1, "an empty list"),
    "rules are a table": ("rules: {prompt: a dog}\n", 1, "a list in brackets"),
    "a rule that is text": ("rules:\n- a dog\n", 2, "keys and values are needed"),
    "a list at the top": ("- 1\n", 1, "keys and values are needed"),
    "empty prompt": ("rules:\n- id: x\n  prompt: ''\n", 3, "a prompt is empty"),
    "no word": ("rules:\n- prompt: '?!'\n", 2, "has no word"),
    "long prompt": (f"rules:\n- prompt: {'x' * 501}\n", 2, "501 characters"),
    "number as prompt": ("rules:\n- prompt: 911\n", 2, 'write it in quotes, "911"'),
    "no value": ("rules:\n- id: x\n  prompt:\n", 3, "prompt has no value"),
    "prompt and prompts": (RULE + "    prompts: [x]\n", 3, "both prompt and prompts"),
    "nothing to go by": ("rules:\n- id: x\n", 2, "nothing to go by"),
    "no id": ("rules:\n- level_dbfs: -3\n", 2, "id is missing"),
    "bad id": (RULE + "    id: 'a b'\n", 3, "of the letters a-z and A-Z, digits, - and _"),
    "two ids": (RULE + "  - prompt: cat\n    id: a-dog\n", 4, "the other in line 2"),
    "elevation upside down": (
        RULE + "    region:\n      elevation_deg: [50, 20]\n", 4, "name the lower one first"
    ),
    "distance upside down": (RULE + "    region: {distance_m: [2, 1]}\n", 3, "lower one first"),
    "azimuth to itself": (RULE + "    region: {azimuth_deg: [9, 9]}\n", 3, "name a sector"),
    "azimuth out of range": (RULE + "    region: {azimuth_deg: [0, 270]}\n", 3, "-180..180"),
    "azimuth of three": (RULE + "    region: {azimuth_deg: [1, 2, 3]}\n", 3, "2 values"),
    "empty region": (RULE + "    region: {}\n", 3, "nothing to go by: one of azimuth_deg"),
    "level as text": (RULE + "    level_dbfs: loud\n", 3, "'loud': a number is needed"),
    "level too high": (RULE + "    level_dbfs: 3\n", 3, "-120..0 is needed"),
    "level as flag": (RULE + "    level_dbfs: true\n", 3, "True: a number is needed"),
    "infinite time": (RULE + "    confirm_s: .inf\n", 3, "0 or more is needed"),
    "not a number": (RULE + "    confirm_s: .nan\n", 3, "0 or more is needed"),
    "start and rate": (
        RULE + "    alert_start: 0.5\n    false_alarms_per_hour: 1\n", 4, "both alert_start and"
    ),
    "end over start": (
        RULE + "    alert_start: 0.5\n    alert_end: 0.6\n", 4, "0 < end <= start"
    ),
    "start at nothing": (RULE + "    alert_start: 0\n", 3, "more than 0, up to 1 is needed"),
    "no end": (RULE + "    alert_end: 0\n", 3, "alert_end: 0: more than 0"),
    "missing example": (RULE + "    examples: [none.wav]\n", 3, "none.wav is no file"),
    "silent example": (RULE + "    examples: rules.yaml\n", 3, "cannot be read as sound"),
    "no schedule": (RULE + "    schedule: at night\n", 3, "mon-fri 22:00-06:00"),
    "a day that is none": (RULE + "    schedule: fry 22:00-06:00\n", 3, "'fry 22:00-06:00'"),
    "an hour that is none": (RULE + "    schedule: 25:00-26:00\n", 3, "00:00..24:00"),
    "time zone": (RULE + "time_zone: Mars/Base\n", 3, "the time zone 'Mars/Base' is unknown"),
    "time zone outside": (RULE + "time_zone: ../../etc/passwd\n", 3, "is unknown"),
    "profile": (RULE + "microphone: {profile: nope}\n", 3, "profile nope: there is no such"),
    "profile file": (RULE + "microphone:\n  profile: ./nope.yaml\n", 4, "No such file"),
    "format of profile": (
        RULE + "microphone:\n  profile: respeaker-4-mic\n  format: fuma\n", 5, "leave out format"
    ),
    "channels": (RULE + "microphone: {channels: [1, 1, 2, 3]}\n", 3, "four different channels"),
    "engine": (RULE + "model: {engine: steam}\n", 3, "choose auto | onnx"),
    "threads": (RULE + "model: {threads: 0}\n", 3, "1 or more is needed"),
    "half a thread": (RULE + "model: {threads: 1.5}\n", 3, "a whole number is needed"),
    "bundle": (RULE + "model:\n  bundle: nowhere\n", 4, "there is no directory"),
    "site": (RULE + "alerts:\n  site: ./home.npz\n", 4, "learn it with elsa-rt calibrate site"),
    "alerts": (RULE + "alerts:\n  alert_end: 0.9\n  alert_start: 0.5\n", 5, "0 < end <= start"),
    "yes": (RULE + "model: {compile: yes}\n", 3, "write true or false"),
    "output": (RULE + "outputs: [{type: pigeon}]\n", 3, "'pigeon' is unknown: choose jsonl |"),
    "output without path": (RULE + "outputs:\n- type: jsonl\n", 4, "path is missing"),
    "output to nowhere": (
        RULE + "outputs: [{type: jsonl, path: no/x.jsonl}]\n", 3, "mkdir"
    ),
    "keep none": (RULE + "outputs: [{type: jsonl, path: x, keep: 0}]\n", 3, "1..10000"),
    "key twice": (RULE + "    prompt: a cat\n", 3, "stands twice, it stands in line 2 already"),
    "section twice": (RULE + "rules: []\n", 3, "the key 'rules' stands twice"),
    "tag": ("rules:\n- prompt: !!python/name:os.system x\n", 2, "is not allowed"),
    "tag of a table": ("rules:\n- !!python/object:os.x {prompt: x}\n", 2, "is not allowed"),
    "merge": ("x: &x {id: y}\nrules:\n- {<<: *x, prompt: z}\n", 3, "unknown key '<<'"),
    "key of a list": ("rules:\n- prompt: x\n  [1]: 2\n", 3, "keys are words"),
    "tab": ("rules:\n\t- prompt: x\n", 2, "indent with spaces"),
    "syntax": ("rules: [\n", 2, "not YAML"),
    "control character": ('rules:\n- prompt: "a\\0b"\n', 2, "control character"),
    "raw control character": ("rules:\n- prompt: a\x07b\n", 2, "not YAML"),
    "two documents": (f"{RULE}---\n{RULE}", 3, "not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_names_its_line_and_cure(name: str, tmp_path: Path) -> None:
    text, line, said = BAD[name]
    found = mistakes(tmp_path, text)
    assert any(mistake.line == line and said in mistake.what for mistake in found), found


def test_all_mistakes_are_found_at_once(tmp_path: Path) -> None:
    text = (
        "microphone: {yaw_deg: left}\nmodel: {engine: steam}\nrules:\n- prompt: ''\n"
        "- prompt: a dog\n  region: {azimut: [1, 2]}\n- prompt: a dog\n"
    )
    found = mistakes(tmp_path, text)
    assert [mistake.line for mistake in found] == [1, 2, 4, 6, 6, 7]
    with pytest.raises(FileError, match=r"rules.yaml, line 1: .*\(and 5 more: elsa-rt check"):
        read(tmp_path, text)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(9), "more than 20000 values"),
        ("rules: &r [*r]\n", "an anchor that holds itself"),
        ("rules: " + "[" * 5_000, "nested too deeply"),
        (f"rules: []\n# {'x' * MAX_BYTES}\n", "more than 256 KiB"),
        (f"rules:\n- prompt: a dog\n  confirm_s: {'9' * 5_000}\n", "0 or more is needed"),
    ],
)
def test_a_file_that_would_grow_is_refused(text: str, said: str, tmp_path: Path) -> None:
    assert said in mistakes(tmp_path, text)[0].what


def test_aliases_are_allowed(tmp_path: Path) -> None:
    text = (
        "rules:\n- {prompt: a dog, region: &back {azimuth_deg: [145, -145]}}\n"
        "- {prompt: a cat, region: *back}\n"
    )
    assert {rule.region for rule in read(tmp_path, text).rules} == {Region((145, -145))}


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file or directory"):
        read_rules(tmp_path / "rules.yaml")
    with pytest.raises(FileError, match="Is a directory"):
        read_rules(tmp_path)
    (tmp_path / "rules.yaml").write_bytes("rules:\n- prompt: höre\n".encode("latin1"))
    with pytest.raises(FileError, match=r"line 2: byte 18 is not UTF-8: .*iconv"):
        read_rules(tmp_path / "rules.yaml")


def as_editors_see_it(text: str) -> Any:
    def plain(node: Any) -> Any:
        if isinstance(node.value, dict):
            return {key: plain(value) for key, value in node.value.items()}
        return [plain(one) for one in node.value] if isinstance(node.value, list) else node.value

    return plain(parse(Path("rules.yaml"), text, lambda line, what: None))


def accepts(text: str) -> bool:
    validator = jsonschema.Draft7Validator(schema.file_schema())
    return bool(validator.is_valid(as_editors_see_it(text)))


GOOD = (
    WHOLE,
    RULE,
    "rules: [{prompt: a dog, region: {elevation_deg: [-90, 0]}, schedule: 'sat,sun'}]\n",
    "rules: [{prompt: a dog, region: [{azimuth_deg: [0, 90]}, {elevation_deg: [40, 90]}]}]\n",
    "alerts: {release_s: 2, alert_end: 0.2}\nrules: [{id: x, level_dbfs: -30.5, confirm_s: 0}]\n",
)

ONLY_CHECK_KNOWS = {
    "no word", "long prompt", "no id", "two ids", "elevation upside down", "distance upside down",
    "azimuth to itself", "infinite time", "not a number", "end over start", "missing example",
    "silent example",
    "no schedule", "a day that is none", "an hour that is none", "time zone", "time zone outside",
    "profile", "profile file", "format of profile", "channels", "bundle", "alerts", "site",
    "output to nowhere", "key twice", "section twice", "tag", "tag of a table", "key of a list",
    "tab", "syntax", "control character", "raw control character", "two documents",
}  # fmt: skip


def test_a_region_of_several_parts(tmp_path: Path) -> None:
    (rule,) = read(tmp_path, GOOD[3]).rules
    assert rule.region is not None
    assert rule.region.parts == (Region((0, 90)), Region(elevation_deg=(40, 90)))


def test_a_mistake_in_a_part_of_a_region_is_told_with_its_line(tmp_path: Path) -> None:
    text = "rules:\n- prompt: a dog\n  region:\n  - azimuth_deg: [0, 90]\n  - azimuth_deg: [5, 5]\n"
    (mistake,) = mistakes(tmp_path, text)
    assert (mistake.line, "azimuth from 5" in mistake.what) == (5, True)


@pytest.mark.parametrize("text", GOOD)
def test_what_check_accepts_the_schema_accepts(text: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", np.zeros(100), 16_000)
    read(tmp_path, text)
    assert accepts(text)


@pytest.mark.parametrize("name", [name for name in BAD if name not in ONLY_CHECK_KNOWS])
def test_the_schema_knows_these_mistakes_too(name: str) -> None:
    assert not accepts(BAD[name][0])


def test_the_shipped_schema_is_that_of_the_code() -> None:
    path = Path(schema.__file__).with_name("schema.json")
    assert path.read_text(encoding="utf-8") == schema.schema_text(), (
        f"make it again: elsa-rt check --schema > {path}"
    )
    jsonschema.Draft7Validator.check_schema(json.loads(schema.schema_text()))
    assert set(file_table().schema()["properties"]) >= {*SECTIONS, "rules", "outputs"}


def test_rules_in_other_scripts_have_numbered_ids(tmp_path: Path) -> None:
    text = "rules: [{prompt: собака лает}, {prompt: кошка мяукает}, {prompt: a bell}]\n"
    assert [rule.id for rule in read(tmp_path, text).rules] == ["prompt", "prompt-2", "a-bell"]
