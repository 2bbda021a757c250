"""Pieces heard on a Ray cluster: a task for a handful of them, retried where a node is lost."""

from __future__ import annotations

import contextlib
import logging
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, StoreError, UsageError
from elsa_rt.memory.archive.remember import Order, WrittenPiece, written
from elsa_rt.memory.arrow import INSTALL
from elsa_rt.memory.labels import Namer, namer_of
from elsa_rt.memory.piece_rows import rows_of_pieces
from elsa_rt.recordings.batch import STREAMS
from elsa_rt.recordings.pieces import Piece

try:
    import ray
except ImportError as error:
    raise UsageError(f"--ray needs Ray ({error}): {INSTALL}") from None

RETRIES = 5
"""Times that a task is begun again after its worker or its node was lost."""

TASKS_A_CORE = 4
"""Least number of tasks for each core: so that all cores end at about the same time."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Memory for objects of a cluster that begins here: pieces and parts are names, not sound."""

CONNECT_S = 5.0
"""How long a cluster may take to answer."""

CURE = (
    "see that one runs there (ray status --address HOST:6379), or begin one: ray start --head; "
    "--ray local begins one for the time of this command"
)

AHEAD = 2
"""Tasks that wait for each core beside the one that it works on."""


@contextlib.contextmanager
def cluster(
    address: str,
) -> Iterator[Callable[[Sequence[Piece], Order], Iterator[WrittenPiece]]]:
    """Connect to the cluster at ``address`` ("local" begins one here); gives what hears pieces."""
    _check_answers(address)
    own: dict[str, Any] = {}
    if address == "local":
        own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        with warnings.catch_warnings():
            # Lance warns of any fork, and that of a cluster becomes another program at once
            warnings.filterwarnings("ignore", "lance is not fork-safe")
            ray.init(
                address=None if address == "local" else address,
                logging_level=logging.ERROR,
                log_to_driver=False,
                ignore_reinit_error=False,
                **own,
            )
    except Exception as error:  # it has no root of its own for what connecting raises
        reason = " ".join(str(error).split())[:300]
        raise StoreError(f"connecting to the Ray cluster {address}: {reason}: {CURE}") from error
    try:
        yield _hear
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise a StoreError if nothing answers at ``address``: Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise StoreError(f"connecting to the Ray cluster {address}: {error}: {CURE}") from None


def groups(pieces: Sequence[Piece], cores: int) -> list[Sequence[Piece]]:
    """``pieces`` in tasks: as many as step together, and fewer where there are few."""
    size = max(1, min(STREAMS, len(pieces) // (TASKS_A_CORE * max(1, cores))))
    return [pieces[begin : begin + size] for begin in range(0, len(pieces), size)]


def _hear(pieces: Sequence[Piece], order: Order) -> Iterator[WrittenPiece]:
    """Hear ``pieces`` on all nodes; yields each once it is written."""
    cores = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    waiting = iter(groups(pieces, cores))
    shared = ray.put(order)
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(hear_group)
    running: list[Any] = []
    while True:
        while len(running) < (1 + AHEAD) * cores:
            group = next(waiting, None)
            if group is None:
                break
            running.append(task.remote(list(group), shared))
        if not running:
            return
        (done,), running = ray.wait(running, num_returns=1)
        try:
            yield from ray.get(done)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            raise (
                cause
                if isinstance(cause, ElsaError)
                else StoreError(
                    f"hearing on the Ray cluster: {type(cause).__name__}: {cause}: what was done "
                    "is kept, go on with the same command"
                )
            ) from error
        except ray.exceptions.RayError as error:
            raise StoreError(
                f"hearing on the Ray cluster: {' '.join(str(error).split())[:300]}: what was done "
                "is kept, go on with the same command"
            ) from error


def hear_group(pieces: list[Piece], order: Order) -> list[WrittenPiece]:
    """Hear some pieces on a node, and write their rows."""
    encoder, namer = _loaded(order.job.config)
    heard = rows_of_pieces(encoder, order.job.config, namer, pieces, len(pieces))
    return [written(one, order) for one in heard]


@lru_cache(maxsize=1)
def _loaded(config: Config) -> tuple[AudioEncoder, Namer]:
    """The model, loaded once in each worker process."""
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config)
    return encoder, namer_of(encoder.bundle)
