"""OSC, received by liblo's oscdump, an implementation of its own, and by python-osc."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator

import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer

from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.osc import OscSettings
from tests.support.broker import free_port
from tests.support.hearings import alert, hearing, track, until


class Server(ThreadingOSCUDPServer):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, tuple[object, ...]]] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(
            lambda address, *values: self.got.append((address, values)), needs_reply_address=False
        )
        super().__init__(("127.0.0.1", 0), dispatcher)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    def values(self, address: str) -> list[tuple[object, ...]]:
        return [values for name, values in list(self.got) if name == address]


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.shutdown()
    found.server_close()
    found.thread.join()


def test_directions_scores_and_alerts(server: Server) -> None:
    notices: list[str] = []
    port = server.server_address[1]
    output = OscSettings(port=port, max_distance_m=4).open(Surroundings(notices.append))
    tracks = (track("t1", 90.0), track("t2", -170.0, distance_m=1.0))
    output.show(hearing(1.0, alert("a1"), tracks=tracks))
    until(lambda: server.values("/adm/obj/2/active"))
    assert server.values("/adm/obj/1/aed") == [(90.0, 0.0, 1.0)]  # left is positive
    assert server.values("/adm/obj/2/aed") == [(-170.0, 0.0, 0.25)]
    assert server.values("/elsa/direction")[0][:2] == (90.0, 0.0)
    assert server.values("/elsa/level") == [(-30.0,)]
    assert server.values("/elsa/score/glass-behind")[0] == pytest.approx((0.7,))
    start = server.values("/elsa/alert")[0]
    assert start[:3] == ("start", "a1", "glass-behind")
    assert start[3:] == pytest.approx((0.9, 150.0, 10.0))
    output.show(hearing(1.1, tracks=(track("t1", 80.0, "end"), track("t2"))))
    until(lambda: (0,) in server.values("/adm/obj/1/active"))
    output.show(hearing(1.2, tracks=(track("t2"), track("t3", 10.0))))
    until(lambda: (10.0, 0.0, 1.0) in server.values("/adm/obj/1/aed"))  # the number is free again
    output.close()
    assert notices == []


def test_more_sounds_than_objects(server: Server) -> None:
    output = OscSettings(port=server.server_address[1], objects=1).open(Surroundings(pytest.fail))
    output.show(hearing(1.0, tracks=(track("t1"), track("t2"))))
    until(lambda: server.values("/elsa/direction"))
    output.close()
    assert not server.values("/adm/obj/2/aed")


@pytest.mark.skipif(shutil.which("oscdump") is None, reason="needs liblo-tools")
def test_liblo_reads_it() -> None:
    port = free_port()
    command = ["stdbuf", "-oL", "oscdump", str(port)]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        stdout = process.stdout
        assert stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(stdout.readline, "")))
        reader.start()
        output = OscSettings(port=port).open(Surroundings(pytest.fail))

        def listens() -> bool:  # what was sent before is lost
            output.show(hearing(1.0, tracks=(track("t1"),)))
            return any("/adm/obj/1/active" in line for line in lines)

        until(listens)
        output.show(hearing(1.1, alert("a1"), tracks=(track("t1"),)))
        until(lambda: any("/elsa/alert" in line for line in lines))
        output.close()
        process.terminate()
        reader.join()
    text = "".join(lines)
    assert "/adm/obj/1/aed fff 90.000000 0.000000 1.000000" in text
    assert '/elsa/alert sssfff "start" "a1" "glass-behind" 0.900000 150.000000 10.000000' in text


def test_a_name_that_nobody_knows_is_told() -> None:
    notices: list[str] = []
    output = OscSettings(host="no.such.host.invalid").open(Surroundings(notices.append))
    output.show(hearing())
    until(lambda: notices)
    assert "sending fails" in notices[0]
    assert "see host and network" in notices[0]
    output.close()


def test_nobody_who_listens_is_no_failure() -> None:
    output = OscSettings(port=free_port()).open(Surroundings(pytest.fail))
    for number in range(20):
        output.show(hearing(number, alert(f"a{number}")))
    until(lambda: output.worker.sent == 20)
    output.close()
