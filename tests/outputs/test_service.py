"""ServiceNotifier: what a service manager hears on its socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsa_rt.health import Health
from elsa_rt.outputs.service import ServiceNotifier


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        yield door


def heard(door: socket.socket) -> list[str]:
    words: list[str] = []
    while True:
        try:
            words += door.recv(4096).decode().splitlines()
        except BlockingIOError:
            return words


def test_ready_alive_and_each_change_of_health(manager: socket.socket) -> None:
    now = [0.0]
    service = ServiceNotifier(lambda: now[0])
    service.alive(Health())
    assert heard(manager) == ["READY=1", "STATUS=HEALTHY", "WATCHDOG=1"]
    service.alive(Health())
    assert heard(manager) == []
    deaf = Health("RECOVERING", deaf=True, reasons=("no sound\nhas come",))
    service.alive(deaf)
    assert heard(manager) == ["STATUS=RECOVERING: no sound has come"]
    for _ in range(4):
        now[0] += 10
        service.alive(deaf)  # it waits, and lives
    assert heard(manager) == ["WATCHDOG=1"] * 2
    service.stopping()
    assert heard(manager) == ["STOPPING=1"]


def test_without_a_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceNotifier().alive(Health())


def test_a_manager_that_is_gone_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    ServiceNotifier().alive(Health())
