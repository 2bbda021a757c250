"""Listeners for several microphones, e.g. one in each room, on one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

from numpy.typing import ArrayLike

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.hints import check_callable, coerce
from elsa_rt.listener import Listener
from elsa_rt.listening.readers import Arrival, Readers
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.checks import as_list
from elsa_rt.rules.rule import Rule
from elsa_rt.sources.open import AnySource

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from elsa_rt.settings import ListenerSettings


class Listeners(Mapping[str, Listener]):
    """Listeners by name that share a model, prompts and statistics, and step together.

    Where the engine can, one run of it takes a step of all streams. It waits for streams that lag,
    by one step at most. ``listeners["kitchen"]`` is a `Listener`: its rules, orientation and health
    are its own.

    Parameters
    ----------
    prompts : iterable of str or Rule, or PromptBank
        As a `Listener` takes them, for all.
    sources : mapping from names to sources
        What `hear` opens, each as a `Listener` takes it; names alone for those who `push`.
    config : Config, or mapping from names to Config
        Settings of all, or of each.
    encoder : AudioEncoder
    on_notice : callable
        Takes notices; each begins with the name.

    Raises
    ------
    ElsaError
        There are no names, or a setting, prompt or bundle is of no use.
    """

    def __init__(
        self,
        prompts: Iterable[str | Rule] | PromptBank | None = None,
        sources: Mapping[str, AnySource] | Iterable[str] = (),
        config: Config | Mapping[str, Config] | None = None,
        *,
        encoder: AudioEncoder | None = None,
        on_notice: OnNotice = log_notice,
        **settings: Unpack[ListenerSettings],
    ) -> None:
        named = _named(sources)
        configs = {name: _config_of(config, name).changed(**settings) for name in named}
        check_callable(on_notice, "on_notice")
        coerce(encoder, AudioEncoder | None, "encoder")
        if encoder is None:
            first = next(iter(configs.values()))
            encoder = AudioEncoder(ModelBundle.load(first.bundle), first, on_notice)
        if prompts is not None and not isinstance(prompts, PromptBank):
            prompts = as_list(prompts)
        self._streams = encoder.streams(len(named))
        self._on_notice = on_notice
        self._readers: Readers | None = None
        self._listeners: dict[str, Listener] = {}
        for lane, (name, source) in zip(self._streams.lanes, named.items(), strict=True):
            listener = Listener(
                prompts,
                source,
                configs[name],
                encoder=encoder,
                on_notice=lambda text, name=name: on_notice(f"{name}: {text}"),  # type: ignore[misc]
            )
            listener._use(lane)
            listener._keeper.name = name
            self._listeners[name] = listener

    def __getitem__(self, name: str) -> Listener:
        if name not in self._listeners:
            raise UsageError(f"there is no listener {name!r}: there are {', '.join(self)}")
        return self._listeners[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listeners)

    def __len__(self) -> int:
        return len(self._listeners)

    def __contains__(self, name: object) -> bool:
        return name in self._listeners

    def push(
        self, blocks: Mapping[str, Block | ArrayLike], rate: int | None = None
    ) -> dict[str, list[Hearing]]:
        """Hear one block of each stream that has one; returns what each has completed, by name.

        Blocks are those of `Listener.push`, ``rate`` is that of arrays.
        """
        if not isinstance(blocks, Mapping):
            raise UsageError(f"push: {type(blocks).__name__}: blocks by name are needed")
        heard = {name: list[Hearing]() for name in self}
        with self._streams.together():
            for name, block in blocks.items():
                listener = self[name]
                heard[name] += listener.push(block, rate)
        for name, hearings in self._taken():
            heard[name] += hearings
        return heard

    def finish(self) -> dict[str, list[Hearing]]:
        """End all streams, see `Listener.finish`."""
        return {name: self._finish(name) for name in self}

    def hear(self) -> Iterator[tuple[str, Hearing]]:
        """Open all sources and yield hearings with their names, until the last one has ended.

        A source that fails ends its stream with a hearing in the state FAILED and a notice; its
        error is raised when the others are over.

        Raises
        ------
        ElsaError
            A source cannot be opened, or has failed.
        """
        self.close()
        failed: list[Exception] = []
        with ExitStack() as opened:
            sources = {
                name: opened.enter_context(one._open().source)
                for name, one in self._listeners.items()
            }
            self._readers = readers = Readers(sources)
            opened.callback(readers.close)
            for arrivals in readers:
                blocks = [one for one in arrivals if one.block is not None]
                yield from self._take(blocks)
                for one in arrivals:
                    if one.block is None:
                        yield from ((one.name, h) for h in self._end(one, failed))
        if failed:
            raise failed[0]

    def close(self) -> None:
        """Release all sources that `hear` opened."""
        if self._readers is not None:
            self._readers.close()
            self._readers = None

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Listeners hear their streams and cannot be pickled or copied: make them where they "
            "are needed; their AudioEncoder can be passed to other processes"
        )

    def __repr__(self) -> str:
        return f"<Listeners {', '.join(self)}>"

    def _take(self, arrivals: list[Arrival]) -> Iterator[tuple[str, Hearing]]:
        heard: list[tuple[str, Hearing]] = []
        with self._streams.together():
            for name, block, _ in arrivals:
                if block is not None:
                    heard += ((name, hearing) for hearing in self[name].push(block))
        yield from heard
        for name, hearings in self._taken():
            yield from ((name, hearing) for hearing in hearings)

    def _taken(self) -> list[tuple[str, list[Hearing]]]:
        """What each listener has of the steps that have just run."""
        with self._streams.together():
            return [(name, listener._take()) for name, listener in self._listeners.items()]

    def _end(self, arrival: Arrival, failed: list[Exception]) -> list[Hearing]:
        if arrival.error is None:
            return self._finish(arrival.name)
        failed.append(arrival.error)
        self._on_notice(f"{arrival.name}: {arrival.error}")
        hearings = self[arrival.name].fail(str(arrival.error))
        self._leave(arrival.name)
        return hearings

    def _finish(self, name: str) -> list[Hearing]:
        hearings = self[name].finish()
        self._leave(name)
        return hearings

    def _leave(self, name: str) -> None:
        self._streams.leave(list(self).index(name))


def _named(sources: Mapping[str, AnySource] | Iterable[str]) -> dict[str, AnySource]:
    if isinstance(sources, Mapping):
        named = dict(sources)
    else:
        named = dict.fromkeys(coerce(sources, tuple[str, ...], "sources:"))
    if not named or not all(isinstance(name, str) for name in named):
        raise UsageError(
            'sources: names are needed, e.g. {"kitchen": "hw:1", "hall": "hw:2"}, or '
            '["kitchen", "hall"] to push'
        )
    return named


def _config_of(config: Config | Mapping[str, Config] | None, name: str) -> Config:
    if isinstance(config, Mapping):
        if name not in config:
            raise UsageError(f"config: there is none for {name!r}: give a Config for each name")
        config = config[name]
    return Config() if config is None else coerce(config, Config, "config")
