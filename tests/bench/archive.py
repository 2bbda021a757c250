"""Archives: how hearing scales with the nodes of a Ray cluster, and how a Lance dataset answers.

    python -m tests.bench.archive [--minutes 80] [--rows 200_000]

The nodes are Ray's own, on this computer, of one core each. Beside the wall clock it tells the
processor time of the tasks: what others do on the computer lengthens the one and hardly the other.
Needs the extra ``archive``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import lance
import numpy as np
import soundfile
from ray.cluster_utils import Cluster

from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.archive import cluster as on_cluster
from elsa_rt.memory.archive.dataset import make_dataset, tidy
from elsa_rt.memory.archive.lance_search import LanceSearch
from elsa_rt.memory.archive.remember import Order, WrittenPiece, remember_archive
from elsa_rt.memory.arrow import schema_of
from elsa_rt.memory.coarse_index import Filter
from elsa_rt.memory.job import Job
from elsa_rt.recordings.pieces import Piece
from tests.bench.material import machine
from tests.bench.memory import Maker

NODES = (1, 2)
OBJECT_STORE_BYTES = 128 * 2**20
"""Of each node: what goes through it are names and figures of pieces."""

FILE_MINUTES = 10
QUERIES = 20
ROWS_AT_ONCE = 20_000


def recordings(folder: Path, minutes: int) -> None:
    """Recordings of ten minutes each: the built-in scene, again and again, each a little later."""
    scene, rate = soundfile.read(demo_path(), dtype="float32")
    frames = FILE_MINUTES * 60 * rate
    repeated = np.tile(scene, (frames // len(scene) + 2, 1))
    for number in range(max(1, minutes // FILE_MINUTES)):
        begin = number * 977
        soundfile.write(folder / f"{number}.flac", repeated[begin : begin + frames], rate)


class Scaled(NamedTuple):
    """Seconds for a folder on a cluster."""

    sound: float
    wall: float
    busy: float  # processor time of the tasks
    longest: float  # the same of the worker that had most to do


def scaling(folder: Path, uri: str, nodes: int) -> Scaled:
    """Hear ``folder`` on a cluster of ``nodes``."""
    hear, spent = on_cluster.hear_group, Path(f"{uri}.spent")
    spent.mkdir()

    def timed(pieces: list[Piece], order: Order) -> list[WrittenPiece]:
        begun = time.process_time()
        heard = hear(pieces, order)
        used = time.process_time() - begun
        (spent / f"{os.getpid()}-{pieces[0].recording.uid}-{pieces[0].index}").write_text(f"{used}")
        return heard

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES},
    )
    on_cluster.hear_group = timed
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE_BYTES)
        cluster.wait_for_nodes()
        begun = time.perf_counter()
        report = remember_archive(
            [folder], uri, Job(Config()), cluster.address,
            on_notice=print, on_total=lambda _: None, on_progress=lambda _: None,
        )  # fmt: skip
        wall = time.perf_counter() - begun
    finally:
        on_cluster.hear_group = hear
        cluster.shutdown()  # type: ignore[no-untyped-call]
    by_worker: dict[str, float] = {}
    for file in spent.iterdir():
        worker = file.name.split("-")[0]
        by_worker[worker] = by_worker.get(worker, 0.0) + float(file.read_text())
    return Scaled(report.seconds, wall, sum(by_worker.values()), max(by_worker.values()))


def fill(uri: str, maker: Maker, rows: int) -> None:
    """A dataset of ``rows`` sounds and one mark."""
    import pyarrow as pa

    make_dataset(uri, maker.model.code.dimensions)
    schema = schema_of(maker.model.code.dimensions)
    model = maker.model
    for begin in range(0, rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, rows - begin)
        vectors = model.code.decode(maker.codes(count, fine=True))
        columns = {name: pa.nulls(count, schema.field(name).type) for name in schema.names}
        columns |= {
            "kind": pa.array(["piece" if begin + k == 0 else "sound" for k in range(count)]),
            "source": pa.array(["bench"] * count),
            "recording": pa.array(["bench"] * count),
            "model": pa.array([model.hash] * count),
            "model_name": pa.array([model.name] * count),
            "embedding": pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.ravel()), vectors.shape[1]
            ),
        }
        lance.write_dataset(pa.table(columns, schema=schema), uri, mode="append")
    tidy(uri)


def answers(uri: str, maker: Maker) -> tuple[float, float, float]:
    """Share of the exact first ten that the index finds, and milliseconds of both searches."""
    search = LanceSearch.open(uri)
    phrases = maker.statistics.names.phrases
    kept, spent = [], {False: list[float](), True: list[float]()}
    for vector in phrases[:: max(1, len(phrases) // QUERIES)][:QUERIES]:
        firsts = []
        for exact in (False, True):
            begun = time.perf_counter()
            rows, cosines = search.nearest(vector[None], 1, 1, Filter(), 10, exact=exact)
            spent[exact].append(1e3 * (time.perf_counter() - begun))
            firsts.append(set(rows.id[np.argsort(-cosines[:, 0])[:10]].tolist()))
        kept.append(len(firsts[0] & firsts[1]) / 10)
    return float(np.mean(kept)), float(np.median(spent[False])), float(np.median(spent[True]))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m tests.bench.archive", description=__doc__)
    parser.add_argument("--minutes", type=int, default=80, help="minutes of recordings")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the dataset")
    args = parser.parse_args()
    print(machine())
    maker = Maker(ModelBundle.load())
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory) / "recordings"
        folder.mkdir()
        if args.rows:
            uri = str(Path(directory) / "rows.lance")
            begun = time.perf_counter()
            fill(uri, maker, args.rows)
            spent = time.perf_counter() - begun
            size = sum(f.stat().st_size for f in Path(uri).rglob("*") if f.is_file()) / args.rows
            print(f"{args.rows:,} rows: made in {spent:.0f} s, {size:.0f} bytes a row")
            kept, fast, exact = answers(uri, maker)
            print(f"recall@10 of the index {kept:.3f}, {fast:.0f} ms; exact {exact:.0f} ms")
        if args.minutes:
            recordings(folder, args.minutes)
            for nodes in NODES:
                found = scaling(folder, str(Path(directory) / f"{nodes}.lance"), nodes)
                print(
                    f"nodes of one core: {nodes}, {found.sound / 60:.0f} minutes of sound in "
                    f"{found.wall:.0f} s, {found.sound / found.wall:.0f} times real time; "
                    f"processor time {found.busy:.0f} s, of the busiest worker "
                    f"{found.longest:.0f} s: {found.sound / found.longest:.0f} times real time "
                    "where each node has a core to itself"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
