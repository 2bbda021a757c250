"""Prometheus: figures of the running listener at ``/metrics``, with a registry of their own."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from elsa_rt.hearing import EachRule, Hearing
from elsa_rt.outputs.base import Surroundings, need
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.trouble import Trouble

RETRY_S = 10.0
"""A port that is in use is tried again after this time."""

LATENCY_BUCKETS_S = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class PrometheusSettings:
    """Figures for Prometheus."""

    type: ClassVar[str] = "prometheus"
    about: ClassVar[str] = "figures for Prometheus at http://HOST:PORT/metrics"
    needs: ClassVar[tuple[str, str] | None] = ("prometheus_client", "prometheus")

    host: str = setting("address to listen on; 0.0.0.0 for every network", "127.0.0.1")
    port: int = setting("port to listen on", 9464, least=1, most=65535)

    def open(self, surroundings: Surroundings) -> PrometheusOutput:
        return PrometheusOutput(self, surroundings)


class PrometheusOutput:
    """Counts what is heard and serves the counts."""

    def __init__(self, settings: PrometheusSettings, surroundings: Surroundings) -> None:
        self._client: Any = need("prometheus_client", "prometheus")
        self._settings = settings
        self._trouble = Trouble(
            f"prometheus {settings.host}:{settings.port}", surroundings.on_notice
        )
        self._closing = threading.Event()
        self._server: Any = None
        self.registry = self._client.CollectorRegistry()
        self._latest: Hearing | None = None
        self._each_rule = EachRule()
        self._controls = surroundings.controls
        self._define(surroundings)
        self.registry.register(self)
        self._thread = threading.Thread(target=self._serve, name="output prometheus", daemon=True)
        self._thread.start()

    def show(self, hearing: Hearing) -> None:
        self._hearings.inc()
        self._latest = hearing
        for alert in chain.from_iterable(map(self._each_rule, hearing.alerts)):
            if alert.state == "start":
                self._alerts.labels(alert.rule).inc()
                self._open.labels(alert.rule).inc()
                if math.isfinite(alert.latency_s):
                    self._latency.observe(alert.latency_s)
            elif alert.state == "end":
                self._open.labels(alert.rule).dec()

    def notice(self, text: str) -> None:
        self._notices.inc()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(5.0)

    def _define(self, surroundings: Surroundings) -> None:
        client, registry = self._client, {"registry": self.registry}
        info = client.Info("elsa_rt", "Version and model.", **registry)
        info.info({"version": surroundings.version, "model": surroundings.model})
        self._hearings = client.Counter("elsa_rt_hearings", "Steps heard.", **registry)
        self._alerts = client.Counter(
            "elsa_rt_alerts", "Alerts that have begun.", ["rule"], **registry
        )
        self._open = client.Gauge("elsa_rt_open_alerts", "Alerts going on.", ["rule"], **registry)
        self._latency = client.Histogram(
            "elsa_rt_alert_latency_seconds",
            "From the onset of a sound to the start of its alert, computing aside.",
            buckets=LATENCY_BUCKETS_S,
            **registry,
        )
        self._notices = client.Counter("elsa_rt_notices", "Notices to the user.", **registry)
        for rule in surroundings.controls.rules:
            self._alerts.labels(rule.id)
            self._open.labels(rule.id)

    def collect(self) -> Iterator[Any]:
        """Figures of the latest step; the registry calls this when it is asked for them."""
        hearing = self._latest
        if hearing is None:
            return
        family = self._client.metrics_core.GaugeMetricFamily
        tracks = sum(track.state != "end" for track in hearing.tracks)
        figures = [
            ("stream_seconds", "Stream time.", hearing.time_s),
            ("activity_ratio", "Whether a sound is in front of the background.", hearing.activity),
            ("level_dbfs", "Level of W; a full-scale sine reads -3.", hearing.level_dbfs),
            ("lost_samples", "Samples lost since the source was opened.", hearing.dropped),
            ("tracks", "Sounds that are followed.", tracks),
            ("healthy", "1 while all is well.", hearing.state == "HEALTHY"),
        ]
        for name, about, value in figures:
            yield family(f"elsa_rt_{name}", about, value=float(value))
        scores = family("elsa_rt_score_ratio", "Score of a rule.", labels=["rule"])
        for score in hearing.scores:
            scores.add_metric([score.rule], float(score.score))
        yield scores
        yield from self._rates()

    def _rates(self) -> Iterator[Any]:
        """What became of each rule, and what was to be expected of it."""
        core = self._client.metrics_core
        near = core.CounterMetricFamily(
            "elsa_rt_near_misses", "Occasions on which a rule came near.", labels=["rule"]
        )
        rates = core.GaugeMetricFamily(
            "elsa_rt_alerts_per_hour",
            "False alarms asked for and expected of a rule, and alerts counted.",
            labels=["rule", "rate"],
        )
        for one in self._controls.statistics():
            near.add_metric([one.rule], one.near_misses)
            rates.add_metric([one.rule, "asked"], one.asked_per_hour)
            rates.add_metric([one.rule, "expected"], one.expected_per_hour)
            rates.add_metric([one.rule, "counted"], one.counted_per_hour)
        yield from (near, rates)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                server, thread = self._client.start_http_server(
                    self._settings.port, self._settings.host, self.registry
                )
            except OSError as error:
                self._trouble.failed(
                    f"listening fails ({error.strerror or error}): choose another port, or end the "
                    "program that holds it",
                    0,
                    0,
                )
                self._closing.wait(RETRY_S)
                continue
            self._trouble.ended(0, 0)
            self._closing.wait()
            server.shutdown()
            server.server_close()
            thread.join()
