"""``recall``, ``remember``, ``forget`` and ``memory``, and ``listen --remember``."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pytest

from elsa_rt.cli import main
from elsa_rt.memory.store import Store
from tests.memory.recordings import other_bundle, write_recording

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def past(tmp_path: Path, bundle: Path, recording: Path, capsys: Capture) -> Path:
    """A store that ``elsa-rt remember`` made of the scene."""
    path = tmp_path / "past"
    asked = ["remember", str(recording), "--store", str(path), "--bundle", str(bundle)]
    assert main([*asked, "--jobs", "1", "--began", "2026-11-27T08:00Z"]) == 0
    assert "1 recording, 0:06.0 of sound, 3 rows" in capsys.readouterr().out
    return path


def test_a_table_shows_when_and_where(past: Path, bundle: Path, capsys: Capture) -> None:
    asked = ["recall", "hiss behind me", "--store", str(past), "--bundle", str(bundle)]
    assert main([*asked, "--time-zone", "UTC", "--histogram"]) == 0
    titles, row, heard, chance, hours, direction = capsys.readouterr().out.splitlines()
    assert titles.split()[:3] == ["id", "when", "lasts"]
    assert "Fri 2026-11-27 08:00:04" in row
    assert "behind" in row
    assert "scene.wav" in row
    assert heard.startswith("heard once, first Fri 2026-11-27 08:00:04")
    assert "up to once an hour" in chance
    assert hours.split()[2:4] == ["0", "█"] or "█" in hours
    assert direction.split() == ["behind", "█" * 24, "1"]


def test_where_nothing_sounds_like_it_the_nearest_are_said_to_be_no_more(
    past: Path, bundle: Path, capsys: Capture
) -> None:
    asked = ["--store", str(past), "--bundle", str(bundle), "--azimuth", "120,-120"]
    assert main(["recall", "hiss", *asked]) == 0
    assert "nothing" not in capsys.readouterr().err
    assert main(["recall", "hum", *asked]) == 0
    table, said = capsys.readouterr()
    assert "behind" in table
    assert f"nothing in {past} sounds like it: no score reaches 0.5" in said


def test_json_is_an_object_a_line(past: Path, bundle: Path, capsys: Capture) -> None:
    asked = ["recall", "hum", "--store", str(past), "--bundle", str(bundle), "--json"]
    assert main([*asked, "--histogram"]) == 0
    first, second, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["type"], first["source"], first["at"]) == (
        "remembered", "scene.wav", "2026-11-27T08:00:01.000Z",
    )  # fmt: skip
    assert first["azimuth_deg"] == pytest.approx(90, abs=5)
    assert first["score"] > second["score"]
    assert (last["type"], last["heard"], last["by_direction"]["left"]) == ("histogram", 1, 1)


def test_a_picture_is_an_svg_with_a_dot_for_each_row(
    tmp_path: Path, past: Path, bundle: Path
) -> None:
    target = tmp_path / "past.svg"
    asked = ["recall", "hum", "--store", str(past), "--bundle", str(bundle)]
    assert main([*asked, "--picture", str(target)]) == 0
    drawn = ElementTree.fromstring(target.read_text(encoding="utf-8"))
    dots = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert len(dots) == 2
    left, behind = (float(dot.attrib["cy"]) for dot in dots)
    assert 44 <= behind < left < 262 or 44 <= left < behind <= 262


def test_a_sector_and_a_time(past: Path, capsys: Capture) -> None:
    asked = ["recall", "--store", str(past), "--json", "--time-zone", "UTC"]
    assert main([*asked, "--azimuth=-30,120", "--since", "2026-11-27", "--until", "now"]) == 0
    (row,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert row["labels"][0]["name"] == "hum"
    assert main([*asked, "--since", "2026-11-28"]) == 0
    assert "nothing was found" not in capsys.readouterr().out


def test_remembering_again_takes_nothing_twice(
    past: Path, bundle: Path, recording: Path, capsys: Capture
) -> None:
    asked = ["remember", str(recording), "--store", str(past), "--bundle", str(bundle)]
    assert main(asked) == 0
    assert "0 recordings, 0:00.0 of sound, 0 rows; 1 were there already" in capsys.readouterr().out
    with Store.open(past) as store:
        assert store.query("SELECT count(*) FROM events") == [(3,)]


def test_rows_made_anew_by_another_model(
    tmp_path: Path, past: Path, bundle: Path, capsys: Capture
) -> None:
    newer = str(other_bundle(tmp_path / "newer"))
    assert main(["recall", "hum", "--store", str(past), "--bundle", newer]) == 1
    assert f"elsa-rt remember --again --store {past}" in capsys.readouterr().err
    again = ["remember", "--again", "--store", str(past), "--bundle", newer, "--jobs", "1"]
    assert main(again) == 0
    capsys.readouterr()
    assert main(["recall", "hum", "--store", str(past), "--bundle", newer]) == 0
    assert capsys.readouterr().err == ""  # no rows of the other model are left


def test_forgetting_and_looking_after(past: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["memory", "info", "--store", str(past)]) == 0
    said = capsys.readouterr().out
    assert "2 sounds, 0 alerts, 1 minute\n" in said
    assert "scene.wav: 3 rows of 6 s, whole" in said
    merged = tmp_path / "house"
    assert main(["memory", "merge", str(past), "--store", str(merged)]) == 0
    assert main(["forget", "--event", "1", "--store", str(past)]) == 0
    assert "1 row forgotten" in capsys.readouterr().out
    assert main(["memory", "info", "--store", str(past)]) == 0
    assert "scene.wav: 2 rows of 6 s, whole" in capsys.readouterr().out
    assert main(["forget", "--before", "now", "--store", str(past)]) == 0
    assert "2 rows forgotten" in capsys.readouterr().out
    with Store.open(merged) as store:
        assert store.query("SELECT count(*) FROM events") == [(3,)]


def test_forgetting_tells_of_damaged_copies(past: Path, capsys: Capture) -> None:
    assert main(["memory", "repair", "--store", str(past)]) == 0
    assert "nothing is damaged, 3 rows" in capsys.readouterr().out
    copy = past / "memory.sqlite.damaged-20261127-080000"
    copy.write_bytes(b"old rows")
    assert main(["forget", "--event", "1", "--store", str(past)]) == 0
    assert f"{copy} may hold such rows still: rm {copy}" in capsys.readouterr().err


def test_nothing_to_be_made_anew_is_said(past: Path, bundle: Path, capsys: Capture) -> None:
    assert main(["remember", "--again", "--store", str(past), "--bundle", str(bundle)]) == 0
    assert f"{past}: nothing was to be heard" in capsys.readouterr().out


def test_rows_go_to_a_parquet_file(past: Path, tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra archive")
    import pyarrow.parquet as pq

    target = tmp_path / "past.parquet"
    assert main(["memory", "export", str(target), "--store", str(past)]) == 0
    rows = pq.read_table(target).to_pylist()
    assert [row["kind"] for row in rows].count("sound") == 2
    hum = min((row for row in rows if row["kind"] == "sound"), key=lambda row: row["time_s"])
    assert hum["labels"][0]["name"] == "hum"
    assert len(hum["embedding"]) == 512
    assert target.stat().st_mode & 0o777 == 0o600


def test_listening_keeps_rows_by_option_and_by_rules_file(
    tmp_path: Path, bundle: Path, recording: Path, capsys: Capture
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"model: {{bundle: {bundle}}}\nremember: {{store: kept, days: 30}}\n"
        "rules: [{prompt: hum}]\n"
    )
    assert main(["listen", str(recording), "--config", str(rules)]) == 0
    asked = ["listen", str(recording), "--prompt", "hum", "--bundle", str(bundle)]
    assert main([*asked, "--remember", str(tmp_path / "given")]) == 0
    capsys.readouterr()
    for name in ("kept", "given"):
        asked = ["recall", "hum", "--store", str(tmp_path / name), "--bundle", str(bundle)]
        assert main([*asked, "--top", "1", "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert (row["alerts"][0]["prompt"], row["source"]) == ("hum", "scene.wav")
    assert main(["memory", "info", "--store", str(tmp_path / "given")]) == 0
    assert re.search(r"scene\.wav: \d rows of 6 s, listened to\n", capsys.readouterr().out)


def test_an_archive_answers_the_same_words(
    tmp_path: Path, bundle: Path, recording: Path, past: Path, capsys: Capture
) -> None:
    pytest.importorskip("lance", reason="needs the extra archive")
    uri = str(tmp_path / "past.lance")
    asked = ["remember", str(recording), "--store", uri, "--bundle", str(bundle), "--jobs", "1"]
    for _ in range(2):
        assert main([*asked, "--began", "2026-11-27T08:00Z"]) == 0
    capsys.readouterr()
    questions = (
        ["hiss behind me"], ["--azimuth=0,120"], ["hum", "--exact"], ["--unusual"],
        ["hum", "--since", "2026-11-27", "--time-zone", "UTC"],
    )  # fmt: skip
    for question in questions:
        found = []
        for store in (uri, str(past)):
            rest = ["--store", store, "--bundle", str(bundle), "--json"]
            assert main(["recall", *question, *rest]) == 0
            lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            found.append(
                [
                    (row["kind"], round(row["time_s"], 2), row["azimuth_deg"], row["source"],
                     row["at"])
                    for row in lines
                ]
            )  # fmt: skip
        assert found[0] == found[1] != [], question
    assert main(["forget", "--source", "scene", "--store", uri]) == 2
    assert "no source is called 'scene': there are scene.wav" in capsys.readouterr().err
    assert main(["forget", "--source", "scene.wav", "--store", uri]) == 0
    assert "3 rows forgotten" in capsys.readouterr().out
    assert main(["recall", "--store", uri]) == 0
    assert "nothing was found" in capsys.readouterr().err


def test_stores_of_devices_gather_in_an_archive_once(
    tmp_path: Path, past: Path, bundle: Path, capsys: Capture
) -> None:
    pytest.importorskip("lance", reason="needs the extra archive")
    uri = str(tmp_path / "all.lance")
    more = write_recording(tmp_path / "more.wav", 10, seed=1)
    for rows in ("3 rows", "0 rows"):
        assert main(["memory", "merge", str(past), "--store", uri]) == 0
        assert f"{uri}: {rows} of {past} taken" in capsys.readouterr().out
    asked = ["remember", str(more), "--store", str(past), "--bundle", str(bundle), "--jobs", "1"]
    assert main(asked) == 0
    assert main(["memory", "merge", str(past), "--store", uri]) == 0
    capsys.readouterr()
    found = []
    for store in (uri, str(past)):
        asked = ["recall", "hum", "--store", store, "--bundle", str(bundle), "--json", "--every"]
        assert main(asked) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found.append({(one["source"], one["time_s"], one["azimuth_deg"]) for one in lines})
    assert found[0] == found[1]
    assert {name for name, *_ in found[0]} == {"scene.wav", "more.wav"}


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (["recall", "a dog"], 2, "which store? name its directory"),
        (["recall", "a dog", "--store", "nowhere"], 2, "elsa-rt listen --remember nowhere"),
        (["recall", "--store", "nowhere.lance"], 2, "--store nowhere.lance"),
        (["recall", "--store", "PAST", "--since", "bananas"], 2, "the time 'bananas'"),
        (["recall", "--store", "PAST", "--azimuth", "left"], 2, "--azimuth=-30,30"),
        (["recall", "--store", "PAST", "--azimuth", "0,400"], 2, "-180..180 is possible"),
        (["recall", "a dog", "--unusual", "--store", "PAST"], 2, "leave out TEXT"),
        (["recall", "--store", "PAST", "--picture", "no/where.svg"], 2, "mkdir -p no"),
        (["recall", "--store", "PAST", "--time-zone", "Nowhere"], 2, "time zone 'Nowhere'"),
        (["recall", "  ", "--store", "PAST"], 2, "text is '  ': a sentence such as"),
        (["remember", "--store", "PAST"], 2, "name recordings or folders, or --again"),
        (["remember", "nowhere.wav", "--store", "PAST"], 2, "no such file or folder"),
        (["remember", "SCENE", "--store", "PAST2", "--ray", "auto"], 2, "--store PAST2.lance"),
        (["forget", "--store", "PAST"], 2, "what is to be forgotten"),
        (["forget", "--store", "PAST", "--source", "x"], 2, "there are scene.wav"),
        (["memory", "merge", "--store", "PAST"], 2, "name the stores to merge"),
        (["memory", "merge", "PAST", "--store", "PAST"], 2, "the same store"),
        (["memory", "export", "--store", "PAST"], 2, "name one file"),
        (["memory", "info", "--store", "DAMAGED"], 1, "elsa-rt memory repair --store"),
        (["recall", "--store", "DAMAGED"], 1, "elsa-rt memory repair --store"),
        (["recall", "--store", "NEWER"], 1, "pip install -U elsa-rt"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_with_its_cure(
    asked: list[str],
    code: int,
    message: str,
    past: Path,
    tmp_path: Path,
    bundle: Path,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    past.rename("PAST")
    for name in ("DAMAGED", "NEWER"):
        Store.open(name, create=True).close()
    Path("DAMAGED/memory.sqlite").write_bytes(b"nothing that was ever a database" * 200)
    for rest in Path("DAMAGED").glob("memory.sqlite-*"):
        rest.unlink()
    newer = sqlite3.connect("NEWER/memory.sqlite")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    asked = [str(recording) if one == "SCENE" else one for one in asked]
    if asked[0] in ("recall", "remember"):
        asked += ["--bundle", str(bundle)]
    assert main(asked) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_recording_that_is_cut_off_is_said_and_the_rest_is_kept(
    tmp_path: Path, bundle: Path, capsys: Capture
) -> None:
    good = write_recording(tmp_path / "good.wav", 10, seed=1)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    asked = ["remember", str(tmp_path), "--store", str(tmp_path / "past"), "--jobs", "1"]
    assert main([*asked, "--bundle", str(bundle)]) == 0
    told = capsys.readouterr()
    assert "bad.wav" in told.err
    assert "1 recording, 0:10.0 of sound" in told.out
    assert good.exists()


def test_a_row_tells_where_the_clip_of_its_alert_is(
    tmp_path: Path, bundle: Path, recording: Path, capsys: Capture
) -> None:
    rules, store = tmp_path / "rules.yaml", tmp_path / "past"
    rules.write_text(
        f"model: {{bundle: {bundle}}}\nremember: {{store: past}}\n"
        "rules: [{id: hum, prompt: hum}, {id: hiss, prompt: hiss}]\n"
        "outputs: [{type: clips, directory: clips, speech: allow, rules: [hum]}]\n"
    )
    assert main(["listen", str(recording), "--config", str(rules), "--alerts-only"]) == 0
    capsys.readouterr()

    def clips() -> dict[str, str | None]:
        assert main(["recall", "--store", str(store), "--bundle", str(bundle), "--json"]) == 0
        rows = map(json.loads, capsys.readouterr().out.splitlines())
        return {alert["rule"]: alert["clip"] for row in rows for alert in row["alerts"]}

    found = clips()
    assert found.keys() == {"hum", "hiss"}
    assert found["hiss"] is None  # the clips of this rule are not kept
    assert found["hum"] is not None
    assert Path(found["hum"]).parent == tmp_path / "clips" / "hum"
    assert main(["recall", "--store", str(store), "--bundle", str(bundle)]) == 0
    assert f"clip {found['hum']}" in capsys.readouterr().out
    Path(found["hum"]).unlink()
    assert clips() == {"hum": None, "hiss": None}


def test_a_report_of_a_home_that_remembers_keeps_nothing(
    tmp_path: Path, bundle: Path, recording: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"model: {{bundle: {bundle}}}\nremember: {{store: past}}\nrules: [{{prompt: hum}}]\n"
    )
    page = tmp_path / "page.html"
    assert main(["report", str(recording), "--config", str(rules), "-o", str(page)]) == 0
    assert page.is_file()
    assert not (tmp_path / "past").exists()
