"""What all outputs together cost at 20 prompts, and how soon an alert is on MQTT.

    python -m tests.bench.outputs [--seconds 20] [--without ros2]

The same hearings, at their own pace of 12.5 a second, go to nobody and then to all outputs at once:
JSON lines, MQTT on a real broker, webhook, exec, OSC, Prometheus, API with a reader, clips, MCAP,
Foxglove and ROS 2 with a router. Processor time is that of the whole process, of all threads;
memory is what the outputs add to it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

from elsa_rt.hearing import Score
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.group import OutputGroup
from elsa_rt.outputs.registry import OUTPUTS
from elsa_rt.rules.rule import Rule
from tests.bench.material import machine
from tests.bench.targets import Target, judge
from tests.support.broker import Broker, free_port
from tests.support.hearings import Rules, alert, hearing, track, until

STEP_S = 0.08
RATE = 32_000
PROMPTS = 20
ALERT_EACH_S = 5.0

MAX_CORE = 2.0  # percent
MAX_MB = 30.0
MAX_MQTT_MS = 20.0


def settings_of(directory: Path, ports: dict[str, int], without: list[str]) -> list[Any]:
    """One output of each type, with its defaults."""
    given: dict[str, dict[str, Any]] = {
        "jsonl": {"path": str(directory / "a.jsonl")},
        "mqtt": {"host": "127.0.0.1", "port": ports["mqtt"], "device": "bench"},
        "webhook": {"url": f"http://127.0.0.1:{ports['webhook']}/"},
        "exec": {"command": ("true",)},
        "osc": {"port": ports["osc"]},
        "prometheus": {"port": ports["prometheus"]},
        "api": {"port": ports["api"]},
        "clips": {"directory": str(directory / "clips"), "speech": "allow"},
        "mcap": {"path": str(directory / "a.mcap")},
        "foxglove": {"port": ports["foxglove"]},
        "ros2": {"endpoint": f"tcp/127.0.0.1:{ports['ros2']}"},
    }
    return [OUTPUTS[type](**values) for type, values in given.items() if type not in without]


def play(outputs: OutputGroup, seconds: float) -> float:
    """Give hearings and sound to ``outputs`` at their pace; processor seconds of the process."""
    foa = np.random.default_rng(1).normal(0, 0.1, (4, round(RATE * STEP_S))).astype(np.float32)
    scores = tuple(Score(f"prompt {n}", 0.3, 0.2, 9.0, f"rule-{n}") for n in range(PROMPTS))
    tracks = (track("t1"), track("t2", -90.0))
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    for step in range(round(seconds / STEP_S)):
        at_s = step * STEP_S
        number, phase = divmod(step, round(ALERT_EACH_S / STEP_S))
        rule = f"rule-{number % PROMPTS}"
        alerts = [alert(f"a{number}", "start" if phase == 3 else "end", rule, time_s=at_s,
                        onset_s=at_s, duration_s=0.5)] if phase in (3, 12) else []  # fmt: skip
        outputs.hear(foa)
        outputs.show(hearing(at_s, *alerts, scores=scores, tracks=tracks))
        time.sleep(max(0.0, began + (step + 1) * STEP_S - time.monotonic()))
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return (ended.ru_utime - used.ru_utime) + (ended.ru_stime - used.ru_stime)


def memory_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks in a process of its own, see `COUNTERPARTS`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


COUNTERPARTS = """
import json, sys
from http.server import ThreadingHTTPServer
from tests.bench.outputs import Receiver
import zenoh
config = zenoh.Config()
config.insert_json5("mode", '"router"')
config.insert_json5("listen/endpoints", json.dumps(["tcp/127.0.0.1:" + sys.argv[2]]))
config.insert_json5("scouting/multicast/enabled", "false")
router = zenoh.open(config)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
"""


def mqtt_latency_ms(port: int, count: int = 100) -> np.ndarray[Any, Any]:
    """From `show` of an alert to its message at another client of the broker."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    got: dict[str, float] = {}
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def received(client: Any, data: Any, message: Any) -> None:
        got.setdefault(json.loads(message.payload)["id"], time.perf_counter())

    client.on_message = received
    client.connect("127.0.0.1", port)
    client.subscribe("elsa-rt/late/+/event", 1)
    client.loop_start()
    rules = Controls(Rules(Rule("glass-behind", ("glass breaking",))))
    output = OUTPUTS["mqtt"](host="127.0.0.1", port=port, device="late").open(  # type: ignore[call-arg]
        Surroundings(print, rules)
    )
    time.sleep(1.0)
    found = []
    for number in range(count):
        shown = time.perf_counter()
        output.show(hearing(float(number), alert(f"a{number}")))
        until(lambda: f"a{number}" in got)  # noqa: B023
        found.append((got[f"a{number}"] - shown) * 1e3)
        time.sleep(0.02)
    output.close()
    client.loop_stop()
    return np.array(found)


def main() -> int:
    """Measure and judge."""
    from elsa_rt.cli.session import _open as opener

    parser = argparse.ArgumentParser(prog="python -m tests.bench.outputs")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--without", nargs="*", default=[])
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name, Broker(Path(name)) as broker:
        types = ("webhook", "osc", "prometheus", "api", "foxglove", "ros2")
        ports = {type: free_port() for type in types} | {"mqtt": broker.port}
        others = subprocess.Popen(
            [sys.executable, "-c", COUNTERPARTS, str(ports["webhook"]), str(ports["ros2"])]
        )
        time.sleep(1.5)
        rules = Controls(Rules(*(Rule(f"rule-{n}", (f"prompt {n}",)) for n in range(PROMPTS))))
        around = Surroundings(print, rules, "tiny 1", "0.0", rate=RATE, step_samples=2_560)
        with OutputGroup([], around) as nobody:
            play(nobody, 1.0)
            base_s = play(nobody, arguments.seconds)
        before_mb = memory_mb()
        settings = settings_of(Path(name), ports, arguments.without)
        with OutputGroup(settings, around, opener) as outputs:
            reader = subprocess.Popen(
                ["curl", "-sN", "-o", "/dev/null", f"http://127.0.0.1:{ports['api']}/v1/hearings"]
            )
            play(outputs, 3.0)
            spent_s = play(outputs, arguments.seconds)
            after_mb = memory_mb()
            reader.kill()
            reader.wait()
        latency = mqtt_latency_ms(broker.port)
        others.kill()
        others.wait()
    p50, p95, p99 = np.quantile(latency, [0.5, 0.95, 0.99])
    print(f"\nalert to MQTT message: p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms")
    print(f"outputs: {', '.join(type for type in OUTPUTS if type not in arguments.without)}")
    core = (spent_s - base_s) / arguments.seconds * 100
    return not judge([
        Target("all outputs at 20 prompts", core, MAX_CORE, "% of a core"),
        Target("memory of all outputs", after_mb - before_mb, MAX_MB, "MB"),
        Target("alert to MQTT message, p99", float(p99), MAX_MQTT_MS, "ms"),
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
