"""Which device a name means, at first and when it is plugged in again."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsa_rt.cli import main
from elsa_rt.errors import DeviceError
from elsa_rt.sources import device_names
from elsa_rt.sources.device_names import Known, bare_name, find_device, known
from tests.support.sound_cards import plug_in

AMBEO = "Ambeo VR Mic: USB Audio (hw:{},0)"
BUILT_IN = "HDA Intel PCH: ALC236 Analog (hw:0,0)"


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("7", 1),  # called so, though another has that number
        (1, 1),
        ("3", 3),  # nobody is called so
        ("1234", 4),  # a part of a name, as no device has that number
        (1234, 4),
        ("ambeo", 2),
        ("hw:1", 2),
        ("hw:1,0", 2),
        ("hw:10", 5),
        ("Zoom, ALSA", 6),
        ("zoom, jack", 7),
        ("mic", 8),
        ("Foo, Bar", 9),
        ("Küche", 10),
        (None, 0),
    ],
)
def test_what_is_listed_is_found(
    monkeypatch: pytest.MonkeyPatch, wanted: str | int | None, index: int
) -> None:
    plug_in(
        monkeypatch, BUILT_IN, "7", AMBEO.format(1), "x", "H2n 1234", "Spare (hw:10,0)", "Zoom",
        "Zoom@1", "Mic", "Foo, Bar@1", "KÜCHE", default=0,
    )  # fmt: skip
    assert find_device(wanted).index == index


def test_mic_is_the_default_where_none_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, BUILT_IN, AMBEO.format(1), "Mic in", default=1)
    assert find_device("mic").index == 1


def test_names_that_fit_several_say_how_to_tell_them_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plug_in(monkeypatch, "Zoom", "Zoom@1")
    with pytest.raises(DeviceError, match="fits 2 devices, give more of the name, name and sys"):
        find_device("zoom")
    assert find_device("Zoom, JACK Audio Connection Kit").index == 1


def test_nothing_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, BUILT_IN)
    with pytest.raises(DeviceError, match="no microphone fits ''"):
        find_device("")


class TestPluggedInAgain:
    def test_another_card_number_and_another_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plug_in(monkeypatch, BUILT_IN, AMBEO.format(1))
        device = known(find_device("ambeo"))
        plug_in(monkeypatch, BUILT_IN, "Webcam: USB Audio (hw:1,0)", AMBEO.format(2))
        assert find_device(device).name == AMBEO.format(2)

    def test_while_it_is_away_no_other_takes_its_place(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plug_in(monkeypatch, BUILT_IN, AMBEO.format(1), AMBEO.format(2))
        device = known(find_device("hw:2"))
        assert device.others == (AMBEO.format(1),)
        plug_in(monkeypatch, BUILT_IN, AMBEO.format(1), "Ambeo Clone: USB Audio (hw:2,0)")
        with pytest.raises(DeviceError, match="no microphone fits"):
            find_device(device)
        plug_in(monkeypatch, BUILT_IN, AMBEO.format(1), AMBEO.format(3))
        assert find_device(device).name == AMBEO.format(3)

    def test_a_namesake_of_another_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plug_in(monkeypatch, "Zoom", "Zoom@1")
        device = known(find_device(1))
        assert device == Known("Zoom", "JACK Audio Connection Kit", 1, ())
        plug_in(monkeypatch, "Zoom", "Other", "Zoom@1")
        assert find_device(device).index == 2

    def test_two_of_one_name_stay_apart_by_their_numbers(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plug_in(monkeypatch, "Zoom@1", "Zoom@1")
        assert find_device(known(find_device(1))).index == 1


def test_a_card_by_its_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device_names, "CARDS", tmp_path)
    plug_in(monkeypatch, BUILT_IN, AMBEO.format(1), AMBEO.format(12), "Two (hw:12,1)")
    (tmp_path / "Left").symlink_to("card1")
    (tmp_path / "Right").symlink_to("card12")
    assert find_device("hw:CARD=Left").name == AMBEO.format(1)
    assert find_device("hw:Left,0").name == AMBEO.format(1)
    assert find_device("hw:CARD=Right,DEV=1").name == "Two (hw:12,1)"
    with pytest.raises(DeviceError, match=f"no sound card has the id Middle: see cat {tmp_path}/c"):
        find_device("hw:CARD=Middle")
    (tmp_path / "Left").unlink()
    (tmp_path / "Left").symlink_to("card12")  # plugged in again, after the other
    with pytest.raises(DeviceError, match="fits 2 devices"):
        find_device("hw:CARD=Left")
    assert find_device("hw:CARD=Left,DEV=0").name == AMBEO.format(12)


def test_bare_names() -> None:
    assert bare_name(AMBEO.format(3)) == "Ambeo VR Mic: USB Audio"
    assert bare_name("Zoom (hw:1,0) H2n") == "Zoom (hw:1,0) H2n"


def test_names_are_listed_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "A very long name of a USB device: " + "USB Audio " * 9 + "(hw:1,0)"
    plug_in(monkeypatch, BUILT_IN, name)
    assert main(["devices"]) == 0
    assert name in capsys.readouterr().out
