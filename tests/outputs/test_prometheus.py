"""Figures for Prometheus: scraped over HTTP, and judged by its own promtool where there is one."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.prometheus import PrometheusSettings
from tests.support.broker import free_port
from tests.support.hearings import BANG, GLASS, Rules, alert, counted, hearing, track, until


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_is_heard_is_counted() -> None:
    port = free_port()
    rules = Rules(GLASS, BANG)
    rules.statistics = (counted("glass-behind"), counted("bang", expected_per_hour=math.nan))
    around = Surroundings(pytest.fail, Controls(rules), "tiny 1", "0.1")
    output = PrometheusSettings(port=port).open(around)
    until(lambda: is_open(port))
    output.show(hearing(1.0, alert("a1"), tracks=(track("t1"), track("t2", state="end"))))
    joined = alert("b1", rule="bang", latency_s=math.nan)  # as an alert of its own
    output.show(hearing(2.0, alert("a1", "end"), alert("a2", joined=(joined,)), dropped=480))
    output.notice("beware")
    text = scraped(port)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["elsa_rt_hearings_total",] == 2
    assert samples["elsa_rt_alerts_total", "glass-behind"] == 2
    assert samples["elsa_rt_alerts_total", "bang"] == 1
    assert samples["elsa_rt_open_alerts", "glass-behind"] == 1
    assert samples["elsa_rt_score_ratio", "glass-behind"] == 0.7
    assert samples["elsa_rt_lost_samples",] == 480
    assert samples["elsa_rt_alert_latency_seconds_sum",] == 1.0
    assert samples["elsa_rt_notices_total",] == 1
    assert samples["elsa_rt_near_misses_total", "glass-behind"] == 4
    rates = {
        (sample.labels["rule"], sample.labels["rate"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "elsa_rt_alerts_per_hour"
    }
    told = [rates["glass-behind", kind] for kind in ("asked", "expected", "counted")]
    assert told == [1.0, 0.8, 2.0]
    assert math.isnan(rates["bang", "expected"])
    assert samples["elsa_rt_info", "tiny 1", "0.1"] == 1
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                              capture_output=True)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    output.close()
    assert not is_open(port)


def test_a_port_in_use_is_told_and_taken_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elsa_rt.outputs.prometheus.RETRY_S", 0.05)
    notices: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = PrometheusSettings(port=port).open(Surroundings(notices.append))
        until(lambda: notices)
        assert "listening fails (Address already in use): choose another port" in notices[0]
        output.show(hearing())
    until(lambda: len(notices) == 2)
    assert "works again" in notices[1]
    assert "elsa_rt_hearings_total 1.0" in scraped(port)
    output.close()
