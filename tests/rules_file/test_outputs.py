"""Outputs in a rules file: read, refused with a cure, described by the schema."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from elsa_rt.outputs.mqtt import MqttSettings
from elsa_rt.outputs.registry import OUTPUTS
from elsa_rt.outputs.webhook import WebhookSettings
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.rules_file.schema import file_schema
from elsa_rt.user_files.problems import FileError

RULE = "rules: [{prompt: a dog}]\n"

GOOD = {
    "jsonl": "{type: jsonl, path: alerts.jsonl}",
    "mqtt": "{type: mqtt, host: broker, username: ear, password_env: PASSWORD, tls: true}",
    "webhook": "{type: webhook, url: 'https://ntfy.sh/topic', format: ntfy, timeout_s: 5}",
    "exec": "{type: exec, command: [notify-send, '{prompt}', '{words}']}",
    "osc": "{type: osc, host: 10.0.0.2, port: 4001, objects: 0}",
    "prometheus": "{type: prometheus, port: 9999}",
    "api": "{type: api}",
    "clips": "{type: clips, directory: clips, per_rule: 5, rules: [a-dog]}",
    "mcap": "{type: mcap, path: night.mcap, audio: true}",
    "foxglove": "{type: foxglove}",
    "ros2": "{type: ros2, domain: 7}",
}

BAD = {
    "two writers": (
        "{type: jsonl, path: a.jsonl}, {type: jsonl, path: ./a.jsonl}",
        "is written by the output in line 2 already: give each a file of its own",
    ),
    "no type": ("{host: x}", "an output needs a type: one of jsonl, mqtt"),
    "a word": ("mqtt", "an output needs a type"),
    "unknown key": ("{type: mqtt, hots: x}", "unknown key 'hots': did you mean host?"),
    "nothing needed": ("{type: mqtt}", "host is missing: name or address of the broker"),
    "password": (
        "{type: mqtt, host: x, password: y}",
        "name an environment variable, password_env",
    ),
    "port": ("{type: mqtt, host: x, port: 70000}", "1..65535 is needed"),
    "together": ("{type: mqtt, host: x, ca_file: y}", "add tls: true"),
    "device": ("{type: mqtt, host: x, device: 'a b'}", "letters, digits, - and _"),
    "topic": ("{type: mqtt, host: x, topic: 'a/#'}", "is no topic to publish to"),
    "url": ("{type: webhook, url: 'ftp://x'}", "begin with https:// and a host"),
    "url with password": ("{type: webhook, url: 'http://a:b@x'}", "use authorization_env"),
    "url port": ("{type: webhook, url: 'http://x:99999'}", "begin with https:// and a host"),
    "template": ("{type: webhook, url: 'http://x', body: '{promt}'}", "did you mean prompt?"),
    "no json": ("{type: webhook, url: 'http://x', body: '{prompt}'}", "which is no JSON"),
    "format": ("{type: webhook, url: 'http://x', format: html}", "choose json | text | ntfy"),
    "command as text": ("{type: exec, command: notify-send hello}", "a list in brackets"),
    "template in command": ("{type: exec, command: [a, '{x}']}", "unknown field {x}"),
    "address": ("{type: osc, address: elsa}", "is no OSC address"),
    "domain": ("{type: ros2, domain: 300}", "0..232 is needed"),
    "ros name": ("{type: ros2, node: 'a-b'}", "is no ROS name"),
    "mcap to nowhere": ("{type: mcap, path: no/x.mcap}", "mkdir"),
}


def written(path: Path, outputs: str) -> Path:
    path = path / "rules.yaml"
    path.write_text(f"{RULE}outputs: [{outputs}]\n")
    return path


@pytest.mark.parametrize("type", list(OUTPUTS))
def test_every_type_can_be_written(type: str, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD[type])
    (output,) = read_rules(path).outputs
    assert isinstance(output, OUTPUTS[type])
    jsonschema.validate(yaml.safe_load(path.read_text()), file_schema())


def test_values_and_paths_and_several_at_once(tmp_path: Path) -> None:
    file = read_rules(
        written(tmp_path, "{type: mqtt, host: x, port: 1884, tls: true, ca_file: ca.pem}, "
                          "{type: webhook, url: 'http://x'}, {type: webhook, url: 'http://y'}")
    )  # fmt: skip
    mqtt, one, other = file.outputs
    assert mqtt == MqttSettings("x", 1884, tls=True, ca_file=str(tmp_path / "ca.pem"))
    assert (one, other) == (WebhookSettings("http://x"), WebhookSettings("http://y"))


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_names_its_line_and_cure(name: str, tmp_path: Path) -> None:
    outputs, message = BAD[name]
    with pytest.raises(FileError) as refused:
        read_rules(written(tmp_path, outputs))
    assert any(p.line == 2 and message in p.what for p in refused.value.problems), refused.value


@pytest.mark.parametrize("name", ["no type", "unknown key", "nothing needed", "port", "domain"])
def test_the_schema_refuses_it_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            yaml.safe_load(written(tmp_path, BAD[name][0]).read_text()), file_schema()
        )
