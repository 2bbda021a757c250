"""Archives: how hearing scales with the nodes of a Ray cluster, and how a Lance dataset answers.

    python -m tests.bench.archive [--minutes 80] [--rows 200_000]

The nodes are Ray's own, on this computer, of one core each. Run it on a computer that does nothing
else; figures are also told as processor time, which others' work does not lengthen.
Needs the extra ``archive``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import lance
import numpy as np
import soundfile
from ray.cluster_utils import Cluster

from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.archive.dataset import make_dataset, tidy
from elsa_rt.memory.archive.lance_search import LanceSearch
from elsa_rt.memory.archive.remember import remember_archive
from elsa_rt.memory.arrow import schema_of
from elsa_rt.memory.coarse_index import Filter
from elsa_rt.memory.remember import Job
from tests.bench.material import machine
from tests.bench.memory import Maker

NODES = (1, 2)
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


def scaling(folder: Path, uri: str, nodes: int) -> tuple[float, float]:
    """Seconds of sound and of time for the ``folder`` on a cluster of ``nodes``."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        begun = time.perf_counter()
        report = remember_archive(
            [folder], uri, Job(Config()), cluster.address,
            on_notice=print, on_total=lambda _: None, on_progress=lambda _: None,
        )  # fmt: skip
        return report.seconds, time.perf_counter() - begun
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


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
                sound, spent = scaling(folder, str(Path(directory) / f"{nodes}.lance"), nodes)
                print(
                    f"nodes of one core: {nodes}, {sound / 60:.0f} minutes of sound in "
                    f"{spent:.0f} s, {sound / spent:.0f} times real time"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
