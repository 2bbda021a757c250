"""A memory of a year and of ten million sounds: disk, time of an answer, what is lost for speed.

    python -m tests.bench.memory [--large 10_000_000] [--keep DIR]

Rows are made of steps of the bundle's own background, two mixed at random, so that they lie as
close together as those of a home. A busy year has 1,000 sounds a day, and 16 hours of minutes in
which something is heard beside 8 quiet ones. The large store repeats its rows; what its first pass
loses is measured on rows that are all different, with the share of candidates that it has.
Times are the least of several runs: wall clock, and processor time of all threads.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory import search
from elsa_rt.memory.coarse_index import Filter
from elsa_rt.memory.forgetting import size_bytes
from elsa_rt.memory.memory import Memory
from elsa_rt.memory.question import model_of
from elsa_rt.memory.row import KINDS
from elsa_rt.memory.search import SHARE_OF_CANDIDATES, LocalSearch
from elsa_rt.memory.store import Origin, Store
from elsa_rt.memory.vector_code import COMPONENTS
from elsa_rt.scoring.crowding import crowding_of
from elsa_rt.scoring.statistics import Statistics
from tests.bench.material import machine

DAYS, SOUNDS_A_DAY, LOUD_MINUTES, QUIET_HOURS = 365, 1_000, 16 * 60, 8
YEAR_MB, YEAR_MS, LARGE_MS = 200.0, 50.0, 300.0
LEAST_RECALL = 0.95
DISTINCT = 400_000
QUERIES = 40
RUNS = 5
LEFT_OUT = 0.054
"""Share of an embedding's energy that the components leave out: that of real clips."""

BATCH = 20_000
BEGAN_MS = 1_760_000_000_000


class Spent(NamedTuple):
    """Milliseconds."""

    wall: float
    processor: float


class Maker:
    """Makes rows of the bundle's background."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.model = model_of(bundle)
        self.statistics = Statistics.load(bundle)
        background = self.statistics.background
        self._steps = background.sounds[background.activity > 127].astype(np.float32)
        self._rng = np.random.default_rng(0)
        # the vectors of questions, see `elsa_rt.memory.question`
        self.asked = self.statistics.names.phrases - crowding_of(self.statistics)

    def codes(self, count: int, *, fine: bool) -> list[bytes]:
        """Codes of ``count`` rows."""
        one, other = self._rng.integers(len(self._steps), size=(2, count))
        share = self._rng.uniform(0.3, 1.0, (count, 1)).astype(np.float32)
        parts = share * self._steps[one] + (1 - share) * self._steps[other]
        code = self.model.code
        parts = np.pad(parts, ((0, 0), (0, COMPONENTS - parts.shape[1])))
        vectors = code.mean + (parts * code.scale) @ code.basis
        # embeddings have unit length, and a mixture is shorter
        vectors *= np.sqrt(1 - LEFT_OUT) / np.linalg.norm(vectors, axis=1, keepdims=True)
        parts = np.clip(np.round((vectors - code.mean) @ code.basis.T / code.scale), -127, 127)
        parts = parts.astype(np.int8)
        if not fine:
            return [row.tobytes() for row in parts]
        spread = np.float16(np.sqrt(LEFT_OUT / code.dimensions)).tobytes()
        rest = self._rng.integers(0, 256, (count, self.model.code.fine_bytes - COMPONENTS - 2))
        return [
            row.tobytes() + spread + bits.tobytes()
            for row, bits in zip(parts, rest.astype(np.uint8), strict=True)
        ]

    def add(self, store: Store, kind: str, count: int, span_ms: float) -> None:
        """Put ``count`` rows into ``store``, evenly over ``span_ms``."""
        labels = np.array([(1, 40_000), (2, 9_000), (3, 900)], "<u2").tobytes()
        sound = kind == "sound"
        with store.changing():
            model = store.model_id(self.model)
            source = store.source_id(Origin("bench", "hall", True), model)
            for name in ("dog", "speech", "door"):
                store.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            for begin in range(0, count, BATCH):
                some = range(begin, min(begin + BATCH, count))
                at = [BEGAN_MS + round(k * span_ms / count) for k in some]
                angles = self._rng.integers((-1800, -300), (1801, 600), (len(some), 2)).tolist()
                rows = (
                    (source, k, model, KINDS.index(kind), at[i], at[i] - BEGAN_MS, 2_400, az, el,
                     71, 153, -412, 204, f"track-{k:06d}" if sound else None,
                     labels, None, code)
                    for i, (k, (az, el), code) in enumerate(
                        zip(some, angles, self.codes(len(some), fine=sound), strict=True)
                    )
                )  # fmt: skip
                store._db.executemany(
                    "INSERT INTO events (source, number, model, kind, at, time, duration, azimuth, "
                    "elevation, uncertainty, distance, level, activity, track, labels, scores, "
                    f"vector) VALUES ({','.join('?' * 17)})",
                    rows,
                )


def least(job: Callable[[], Any]) -> Spent:
    """The least that ``job`` takes."""
    runs = []
    for _ in range(RUNS):
        wall, processor = time.perf_counter(), time.process_time()
        job()
        runs.append((time.perf_counter() - wall, time.process_time() - processor))
    return Spent(*(1e3 * min(column) for column in zip(*runs, strict=True)))


def year(maker: Maker, path: Path) -> tuple[float, Spent]:
    """Million bytes of a busy year, and what an answer takes."""
    span_ms = DAYS * 86_400_000
    with Store.open(path, create=True) as store:
        maker.add(store, "sound", DAYS * SOUNDS_A_DAY, span_ms)
        maker.add(store, "minute", DAYS * (LOUD_MINUTES + QUIET_HOURS), span_ms)
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    return answer(maker, path)


def answer(maker: Maker, path: Path) -> tuple[float, Spent]:
    """Million bytes of a store with its index, and what an answer takes of the open store."""
    begun = time.perf_counter()
    with Memory.open(path) as memory:
        print(f"  index made in {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
        size = memory._search.store.path  # type: ignore[attr-defined]
        asked = iter(np.tile(maker.asked, (9, 1)))
        found = memory._search

        def ask() -> None:
            vector = next(asked)
            rows, cosines = found.nearest(vector[None], 1, 1, Filter(kinds=("sound",)), 80)
            best = np.argsort(-cosines[:, 0])[:20]
            found.fetch(rows.id[best].tolist())

        ask()
        spent = least(ask)
    begun = time.perf_counter()
    with Memory.open(path):
        print(f"  opened again in {1e3 * (time.perf_counter() - begun):.0f} ms")
    with Store.open(size) as store:
        return size_bytes(store) / 1e6, spent


def recall_at_10(maker: Maker, path: Path) -> float:
    """Share of the exact first ten that the first pass keeps, with the share of a large store."""
    with Store.open(path, create=True) as store:
        maker.add(store, "sound", DISTINCT, 86_400_000)
    least_before = search.LEAST_CANDIDATES
    search.LEAST_CANDIDATES = int(SHARE_OF_CANDIDATES * DISTINCT)
    kept = []
    with Store.open(path) as store:
        local = LocalSearch(store)
        every = max(1, len(maker.asked) // QUERIES)
        for vector in maker.asked[::every][:QUERIES]:
            firsts = []
            for exact in (False, True):
                rows, cosines = local.nearest(vector[None], 1, 1, Filter(), 10, exact=exact)
                firsts.append(set(rows.id[np.argsort(-cosines[:, 0])[:10]].tolist()))
            kept.append(len(firsts[0] & firsts[1]) / 10)
    search.LEAST_CANDIDATES = least_before
    return float(np.mean(kept))


def large(maker: Maker, path: Path, count: int) -> tuple[float, Spent]:
    """The same of a store of ``count`` sounds."""
    columns = (
        "source, number, model, kind, at, time, duration, azimuth, elevation, uncertainty, "
        "distance, level, activity, track, labels, scores, vector"
    )
    with Store.open(path, create=True) as store:
        maker.add(store, "sound", min(count, 200_000), 365 * 86_400_000)
        ((there,),) = store.query("SELECT count(*) FROM events")
        while there < count:
            with store.changing():
                store.execute(
                    f"INSERT INTO events ({columns}) SELECT {columns} FROM events LIMIT ?",
                    (count - there,),
                )
            ((there,),) = store.query("SELECT count(*) FROM events")
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    return answer(maker, path)


def main() -> int:
    """Measure, print, and say whether the aims are met."""
    parser = argparse.ArgumentParser("python -m tests.bench.memory", description=__doc__)
    parser.add_argument(
        "--large", type=int, default=10_000_000, help="rows of the large store, or 0"
    )
    parser.add_argument("--keep", type=Path, help="directory for the stores, which stay there")
    args = parser.parse_args()
    print(machine())
    maker = Maker(ModelBundle.load())
    with tempfile.TemporaryDirectory(dir=args.keep) as directory:
        folder = args.keep or Path(directory)
        kept = recall_at_10(maker, folder / "distinct")
        print(f"recall@10 of the first pass: {kept:.3f} (at least {LEAST_RECALL})")
        megabytes, of_year = year(maker, folder / "year")
        print(f"a busy year: {megabytes:.0f} MB (at most {YEAR_MB:.0f}), an answer in "
              f"{of_year.wall:.0f} ms (at most {YEAR_MS:.0f}), {of_year.processor:.0f} ms of "
              "processor time")  # fmt: skip
        met = kept >= LEAST_RECALL and megabytes <= YEAR_MB and of_year.wall <= YEAR_MS
        if args.large:
            size, of_large = large(maker, folder / "large", args.large)
            print(
                f"{args.large:,} sounds: {size / 1e3:.2f} GB, an answer in {of_large.wall:.0f} ms "
                f"(at most {LARGE_MS:.0f}), {of_large.processor:.0f} ms of processor time"
            )
            met &= of_large.wall <= LARGE_MS
    print("WITHIN BUDGET" if met else "EXCEEDS BUDGET")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
