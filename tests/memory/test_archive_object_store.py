"""Archives in an object store: a real server of S3's interface on this computer (moto)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from elsa_rt.cli import main
from tests.memory.recordings import write_recording

pytest.importorskip("lance", reason="needs the extra archive")
server = pytest.importorskip("moto.server", reason="needs moto")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    try:
        url = "http://{}:{}".format(*store.get_host_and_port())
        urlopen(Request(f"{url}/sounds", method="PUT")).close()
        for name, value in {
            "AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield "s3://sounds"
    finally:
        store.stop()


@pytest.mark.slow
def test_an_archive_in_an_object_store_is_made_asked_and_forgotten(
    tmp_path: Path, bundle: Path, bucket: str, capsys: Capture
) -> None:
    folder, uri = tmp_path / "recordings", f"{bucket}/house/past.lance"
    folder.mkdir()
    for number in range(2):
        write_recording(folder / f"{number}.wav", 20, seed=number)
    remember = ["remember", str(folder), "--store", uri, "--bundle", str(bundle), "--jobs", "1"]
    recall = ["recall", "hum", "--store", uri, "--bundle", str(bundle), "--json", "--every"]

    def rows() -> list[dict[str, object]]:
        assert main(recall) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert main(remember) == 0
    assert "2 recordings" in capsys.readouterr().out
    found = rows()
    assert {row["source"] for row in found} == {"0.wav", "1.wav"}
    assert len(found) > 6
    assert main(remember) == 0
    assert "2 were there already" in capsys.readouterr().out
    assert rows() == found
    assert main(["memory", "info", "--store", uri]) == 0
    told = capsys.readouterr().out
    assert f"archive   {uri}" in told
    assert "source    0.wav" in told
    assert main(["forget", "--source", "0.wav", "--store", uri]) == 0
    capsys.readouterr()
    assert {row["source"] for row in rows()} == {"1.wav"}


@pytest.mark.slow
def test_what_is_not_there_is_said(bucket: str, capsys: Capture) -> None:
    assert main(["recall", "hum", "--store", f"{bucket}/nowhere.lance"]) == 2
    assert "there is none: make one with elsa-rt remember FILES" in capsys.readouterr().err
    assert main(["recall", "hum", "--store", "s3://elsewhere/past.lance"]) == 1
    told = capsys.readouterr().err
    assert "check the bucket's name, and the keys in the environment: AWS_ACCESS_KEY_ID" in told
    assert ".rs:" not in told
    assert main(["recall", "hum", "--store", "ftp://host/past.lance"]) == 1
    assert "known are s3://, gs://, az:// and directories" in capsys.readouterr().err
    for given in (
        ["listen", "--demo", "--remember", f"{bucket}/past"],
        ["memory", "merge", f"{bucket}/past", "--store", "house"],
    ):
        assert main(given) == 2
        assert "a directory of this device is needed here" in capsys.readouterr().err
