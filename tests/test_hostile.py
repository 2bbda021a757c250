"""What strangers may bring, made by hypothesis: an ElsaError or a value, and nothing else.

``make fuzz`` goes on for as long as one likes, with mutations of real files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from elsa_rt.cli import main
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.tensorrt.plans import PlanError, PlanKey, find_plan, keep_plan
from elsa_rt.errors import ElsaError
from tests.support.tiny_bundle import make_bundle

FEW = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inside: (
        some.lists(inside, max_size=3)
        | some.dictionaries(some.text(max_size=8), inside, max_size=3)
    ),
    max_leaves=8,
)
KEY = PlanKey("tiny", "0" * 64, "tensorrt-rtx", "fp16", 1, "1.4", "8.9", "GPU", "580", "13")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("hostile") / "tiny")


@pytest.mark.slow
@FEW
@given(data=some.data())
def test_manifests(tiny: Path, data: some.DataObject) -> None:
    manifest: dict[str, Any] = yaml.safe_load((tiny / "model.yaml").read_text("utf-8"))
    whole = dict(manifest)
    key = data.draw(some.sampled_from([*sorted(manifest), "unknown"]))
    inner = manifest.get(key)
    if isinstance(inner, dict) and inner and data.draw(some.booleans()):
        manifest[key] = inner | {data.draw(some.sampled_from(sorted(inner))): data.draw(VALUES)}
    else:
        manifest[key] = data.draw(VALUES)
    (tiny / "model.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    said = ""
    try:
        bundle = ModelBundle.load(tiny)
        assert {path.parent for path in map(bundle.file, bundle.files)} == {tiny}
    except ElsaError as error:
        said = str(error)
    finally:
        (tiny / "model.yaml").write_text(yaml.safe_dump(whole), "utf-8")
    assert len(said) < 2000


@FEW
@example(key="schema", value=True)
@example(key="streams", value=True)
@example(key="bytes", value=4.0)
@given(
    key=some.sampled_from(["schema", "bytes", "sha256", *KEY.__dataclass_fields__]), value=VALUES
)
def test_sidecars(tmp_path: Path, key: str, value: Any) -> None:
    sidecar = keep_plan(KEY, b"plan", tmp_path).with_suffix(".json")
    said = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps(said | {key: value}))
    may_be_empty = key in ("gpu", "driver", "cuda") and str(value) == ""
    if str(said[key]) == str(value) or may_be_empty:
        find_plan(KEY, tmp_path)
    else:
        with pytest.raises(PlanError):
            find_plan(KEY, tmp_path)


@pytest.mark.slow
@FEW
@given(
    command=some.sampled_from(["check", "explain", "info", "embed-text", "microphones", "recall"]),
    words=some.lists(
        some.sampled_from(["--bundle", "--json", "-o", "--store", "--sounds", "--top", "~x/y", "-"])
        | some.text(max_size=12).filter(lambda text: text not in ("-h", "--help")),
        max_size=4,
    ),
)
def test_command_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main([command, *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code in (0, 1, 2)
