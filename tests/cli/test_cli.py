"""The command line in one process: what is asked for, and what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import ArraySource, Block, DeviceError
from elsa_rt.cli import info, main, parser
from elsa_rt.cli.notices import EARLY_KEPT, Notices
from elsa_rt.cli.options import settings
from elsa_rt.config import Config, described
from elsa_rt.version import __version__

Capture = pytest.CaptureFixture[str]

NAMES = (
    "listen", "check", "replay", "tune", "embed", "embed-text", "devices", "microphones",
    "calibrate", "doctor", "bench", "compile", "warmup", "info",
)  # fmt: skip


def heard(text: str, kind: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def test_listen_says_which_prompt_sounds_where_and_when(
    recording: Path, bundle: Path, capsys: Capture
) -> None:
    code = main(
        ["listen", str(recording), "--bundle", str(bundle), "--prompt", "hum", "--prompt", "a hiss"]
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert err == ""
    hearings, alerts = heard(out, "hearing"), heard(out, "alert")
    # the last is of silence, for the end of the alert that is still open
    assert [hearing["time_s"] for hearing in hearings] == [round(0.1 * n, 1) for n in range(1, 62)]
    assert [(alert["prompt"], alert["state"]) for alert in alerts] == [
        ("hum", "start"), ("hum", "end"), ("a hiss", "start"), ("a hiss", "end")
    ]  # fmt: skip
    hum, hum_end, hiss, _ = alerts
    assert hum["id"] == hum_end["id"] != hiss["id"]
    assert 1.0 < hum["time_s"] < 1.6
    assert hum["azimuth_deg"] == pytest.approx(90, abs=3)
    assert hum["words"] == "left"
    assert 4.0 < hiss["time_s"] < 4.6
    assert abs(hiss["azimuth_deg"]) == pytest.approx(180, abs=3)
    assert hiss["words"] == "behind"
    in_the_hum = hearings[20]
    assert in_the_hum["flow_azimuth_deg"] == pytest.approx(90, abs=3)
    assert [score["prompt"] for score in in_the_hum["scores"]] == ["hum", "a hiss"]


def test_a_turned_microphone_and_a_prompt_file(
    recording: Path, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("# what matters\na hum\n", encoding="utf-8")
    code = main(
        ["listen", str(recording), "--bundle", str(bundle), "--prompts", str(prompts),
         "--alerts-only", "--yaw-deg", "-90"]
    )  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0
    assert {line["type"] for line in map(json.loads, out.splitlines())} == {"alert"}
    assert heard(out, "alert")[0]["words"] == "front"


def test_a_threshold_that_is_never_reached(recording: Path, bundle: Path, capsys: Capture) -> None:
    main(
        ["listen", str(recording), "--bundle", str(bundle), "--prompt", "hum",
         "--alert-start", "1", "--json"]
    )  # fmt: skip
    assert heard(capsys.readouterr().out, "alert") == []


def test_embeddings_of_sound_and_text_meet(
    recording: Path, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    sound_path, text_path = tmp_path / "sound.npz", tmp_path / "text.npz"
    assert main(["embed", str(recording), "-o", str(sound_path), "--bundle", str(bundle)]) == 0
    assert main(["embed-text", "hum", "hiss", "-o", str(text_path), "--bundle", str(bundle)]) == 0
    assert capsys.readouterr().out == f"{sound_path}: 60 steps, 6.0 s\n{text_path}: 2 texts\n"
    with np.load(sound_path) as sound, np.load(text_path) as text:
        assert {name: sound[name].shape for name in sound.files} == {
            "time_s": (60,), "embedding": (60, 512), "direction": (60, 3),
            "activity": (60,), "distance_m": (60,),
        }  # fmt: skip
        np.testing.assert_allclose(np.linalg.norm(sound["embedding"], axis=1), 1, atol=1e-3)
        np.testing.assert_allclose(sound["direction"][20], [0, 1, 0], atol=0.05)
        assert text["text"].tolist() == ["hum", "hiss"]
        similarity = sound["embedding"] @ text["embedding"].T  # (60, 2)
    assert similarity[20, 0] > similarity[20, 1]
    assert similarity[45, 1] > similarity[45, 0]


def test_a_failed_run_leaves_the_old_file_alone(
    tmp_path: Path, bundle: Path, capsys: Capture
) -> None:
    target = tmp_path / "out.npz"
    target.write_text("precious", encoding="utf-8")
    missing = tmp_path / "missing.wav"
    assert main(["embed", str(missing), "-o", str(target), "--bundle", str(bundle)]) == 2
    assert target.read_text(encoding="utf-8") == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out.npz"]


def test_a_source_that_breaks_off_loses_nothing(
    scene: NDArray[np.float32],
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    def unplugged(*_: object) -> Iterator[Block]:
        yield Block(scene[:, :8_000], 16_000)
        raise DeviceError("the microphone is gone")

    monkeypatch.setattr(ArraySource, "__iter__", unplugged)
    monkeypatch.setattr("elsa_rt.sources.open.open_source", lambda *_: ArraySource(scene, 16_000))
    target = tmp_path / "out.npz"
    assert main(["embed", "mic", "-o", str(target), "--bundle", str(bundle)]) == 1
    assert "the microphone is gone" in capsys.readouterr().err
    with np.load(target) as arrays:
        assert len(arrays["time_s"]) == 5


def test_notices_of_months_do_not_pile_up(capsys: Capture) -> None:
    say = Notices()
    for number in range(1_000):
        say(f"notice {number}")
    taken: list[str] = []
    say.hand_to(taken.append)
    assert len(taken) == EARLY_KEPT
    assert capsys.readouterr().err.count("elsa-rt: notice") == 1_000


def test_a_screen_gets_what_other_threads_say_when_it_is_ready(capsys: Capture) -> None:
    say = Notices()
    taken: list[str] = []
    say.hand_to(taken.append)
    thread = threading.Thread(target=say, args=("from elsewhere",))
    thread.start()
    thread.join()
    assert taken == []
    say.pass_on()
    assert taken == ["from elsewhere"]
    assert capsys.readouterr().err == ""


def test_info_shows_versions_and_the_card(bundle: Path, capsys: Capture) -> None:
    assert main(["info", str(bundle)]) == 0
    out = capsys.readouterr().out
    for part in (__version__, "onnxruntime", "CPUExecutionProvider", "tiny 1", "Hears a hum"):
        assert part in out


def test_devices_are_a_table_or_a_sentence(capsys: Capture) -> None:
    code = main(["devices"])
    out, err = capsys.readouterr()
    if code == 0:
        assert "channels" in out or "no microphone found" in out
    else:
        assert "apt-get install libportaudio2" in err


def test_version(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"elsa-rt {__version__}\n"


def test_without_a_command_it_says_what_there_is(capsys: Capture) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for command in NAMES:
        assert command in out


@pytest.mark.parametrize("command", NAMES)
def test_every_command_helps_with_an_example(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"\n  elsa-rt {command}" in capsys.readouterr().out


def test_every_setting_is_an_option_of_listen() -> None:
    text = {
        "microphone": "mine", "format": "fuma", "channels": "4,3,2,1", "mount": "inverted",
        "rate": "48000",
        "sample_format": "s24", "input_channels": "6", "bundle": "somewhere", "engine": "onnx",
        "precision": "fp16", "provider": "cuda", "threads": "2", "alert_start": "0.9",
        "site": "home", "known_sounds": "5", "sounds": "2",
        "remember": "store", "remember_max_mb": "2",
        "alert_at_most": "3 per hour", "feedback": "home",
    }  # fmt: skip
    expected: dict[str, Any] = dict(text) | {
        "channels": (4, 3, 2, 1), "rate": 48000, "input_channels": 6, "threads": 2,
        "known_sounds": 5, "sounds": 2, "remember_max_mb": 2.0,
        "alert_start": 0.9,
    }  # fmt: skip
    argv = ["listen"]
    for field in described():
        option = field.name.replace("_", "-")
        if isinstance(field.default, bool):
            argv.append(f"--no-{option}" if field.default else f"--{option}")
            expected[field.name] = not field.default
        else:
            argv += [f"--{option}", text.get(field.name, "0.5")]
            expected.setdefault(field.name, 0.5)
    given = settings(parser().parse_args(argv))
    assert given == expected
    Config(**given)


def test_the_help_of_every_setting_is_in_python_too() -> None:
    for field in described():
        assert f"\n{field.name} : {field.metadata['help']}" in str(Config.__doc__)


def test_settings_that_are_not_given_are_left_to_config() -> None:
    assert settings(parser().parse_args(["listen"])) == {}


def test_a_lone_number_of_channels_counts_them() -> None:
    asked = parser().parse_args(["listen", "-", "--channels", "4"])
    assert settings(asked) == {"input_channels": 4}


def test_an_internal_error_is_one_line_and_debug_shows_all(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(_: object) -> int:
        raise KeyError("no such thing")

    broken: Callable[[object], int] = fail
    monkeypatch.setattr(info, "run", broken)
    assert main(["info"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "KeyError" in err
    assert "--debug" in err
    assert main(["info", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_without_a_prompt_listen_names_known_sounds(
    recording: Path, bundle: Path, capsys: Capture
) -> None:
    assert main(["listen", str(recording), "--bundle", str(bundle)]) == 0
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    loud = [one for one in heard if one["activity"] > 0.9]
    assert loud
    assert all(one["scores"] == [] for one in loud)
    at = {round(one["time_s"], 1): one["labels"][0]["name"] for one in loud}
    assert at[2.0] == "hum"
    assert at[4.5] == "hiss"
    assert main(["listen", str(recording), "--prompt", "a hum", "--known-sounds", "1",
                 "--bundle", str(bundle)]) == 0  # fmt: skip
    named = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {len(one["labels"]) for one in named if one["type"] == "hearing"} == {0, 1}


def test_a_command_loads_no_other() -> None:
    program = (
        "import sys\n"
        "from elsa_rt.cli import COMMANDS, main, parser\n"
        "main(['embed-text', '--output', 'no such place/x.npz', 'a dog'])\n"
        "names = [name.replace('-', '_') for name in COMMANDS]\n"
        "print(*(name for name in names if f'elsa_rt.cli.{name}' in sys.modules))\n"
        "print(len(parser()._subparsers._group_actions[0].choices) == len(COMMANDS))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert said.stdout.splitlines() == ["embed_text", "True"]
