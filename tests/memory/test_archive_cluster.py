"""Archives on a real Ray cluster of two nodes on this computer, one of which dies in the middle."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from elsa_rt.config import Config
from elsa_rt.errors import StoreError
from elsa_rt.memory.job import Job, Report

lance = pytest.importorskip("lance", reason="needs the extra archive")
pytest.importorskip("ray", reason="needs the extra archive")

from ray.cluster_utils import Cluster  # noqa: E402

from elsa_rt.memory.archive.dataset import MARK  # noqa: E402
from elsa_rt.memory.archive.remember import remember_archive  # noqa: E402
from tests.memory.recordings import write_recording  # noqa: E402

FILES = 32


@pytest.mark.slow
# Ray leaves sockets and processes to the interpreter's end
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_dies_costs_no_row_and_brings_none_twice(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(FILES):
        write_recording(folder / f"{number:02d}.wav", 40, seed=number)
    expected = remembered(folder, tmp_path / "alone.lance", bundle, None)
    assert expected.pieces == FILES

    few = 80 * 2**20  # of memory for objects, the least that Ray takes
    head = {"num_cpus": 1, "object_store_memory": few}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        doomed = cluster.add_node(num_cpus=1, object_store_memory=few)
        cluster.wait_for_nodes()
        done: list[float] = []
        dead = threading.Event()

        def kill() -> None:
            while len(done) < FILES // 4:
                time.sleep(0.02)
            cluster.remove_node(doomed, allow_graceful=False)
            dead.set()

        killer = threading.Thread(target=kill)
        killer.start()
        report = remembered(folder, tmp_path / "two.lance", bundle, cluster.address, done)
        killer.join()
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    assert dead.is_set()
    assert (report.pieces, report.rows) == (expected.pieces, expected.rows)
    assert rows_of(tmp_path / "two.lance") == rows_of(tmp_path / "alone.lance")
    marks = lance.dataset(str(tmp_path / "two.lance")).count_rows(filter=f"kind = '{MARK}'")
    assert marks == FILES


def remembered(
    folder: Path, uri: Path, bundle: Path, address: str | None, done: list[float] | None = None
) -> Report:
    done = [] if done is None else done
    return remember_archive(
        [folder],
        str(uri),
        Job(Config(bundle=str(bundle)), jobs=1),
        address,
        on_notice=pytest.fail,
        on_total=lambda _: None,
        on_progress=done.append,
    )


def rows_of(uri: Path) -> Counter[tuple[str, str, float, float]]:
    table = lance.dataset(str(uri)).to_table(
        columns=["source", "kind", "time_s", "azimuth_deg"], filter=f"kind != '{MARK}'"
    )
    return Counter(
        (row["source"], row["kind"], round(row["time_s"], 2), round(row["azimuth_deg"] or 0, 0))
        for row in table.to_pylist()
    )


def test_an_address_where_nothing_answers_is_said_at_once(tmp_path: Path, bundle: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    recording = write_recording(tmp_path / "a.wav", 5, seed=0)
    with pytest.raises(StoreError, match=r"Connection refused: see that one runs there"):
        remembered(recording, tmp_path / "a.lance", bundle, address)
