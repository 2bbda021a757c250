"""Listener: what users hold, `Pipeline` with a source, rules and a memory around it.

A loop over a listener, `start` and ``async for`` open a source (`Session`) and push its blocks;
others push their own. `Pipeline` makes hearings of them: it tells the way of the data, stage by
stage. Here it is opened and ended, its rules change (`RuleChanges`), people judge its alerts
(`FeedbackStore`), and what it heard is kept (`Keeper`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.alerting.matcher import Matcher
from elsa_rt.audio.block import Block
from elsa_rt.audio.orientation import as_quaternion
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.output import EncoderStream
from elsa_rt.errors import UsageError
from elsa_rt.features.high_pass import HighPass
from elsa_rt.features.intensity import Frames
from elsa_rt.health import Health
from elsa_rt.hearing import Alert, Hearing, RuleStatistics
from elsa_rt.hints import check_callable, coerce
from elsa_rt.listening.asynchronous import hear
from elsa_rt.listening.background import Callbacks, Listening
from elsa_rt.listening.pipeline import Pipeline
from elsa_rt.listening.rule_changes import RuleChanges, Rules, RuleSet
from elsa_rt.listening.session import Session, Stages
from elsa_rt.listening.setup import Setup
from elsa_rt.memory.keeper import Keeper
from elsa_rt.microphones.library import profile_of
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.reference_frame import ReferenceFrame
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.feedback import FeedbackStore, feedback_path
from elsa_rt.scoring.known_sounds import KnownSounds
from elsa_rt.scoring.marks import Mark, Verdict
from elsa_rt.sources.open import AnySource, open_source

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from elsa_rt.memory.recorder import ClipOf
    from elsa_rt.settings import AlertSettings, ListenerSettings


class Listener:
    """Hears which of the prompts sound, and from where.

    Iterate over it to open ``source`` and hear it to its end, `start` the same on a thread that
    calls back, or push blocks from a loop of your own. One listener hears one stream; several may
    share an encoder and a prompt bank.

    A loop that is left in the middle leaves the source open: use the listener in a ``with``, or
    call `close`, to release a microphone at once.

    Parameters
    ----------
    prompts : iterable of str or Rule, or PromptBank
        What to listen for; the rules or the prompts of ``config`` if left out. Without any, each
        hearing names the nearest known sounds (``known_sounds``).
    source : path, "-", device name or index, Source, or None for the default microphone
        What iterating opens.
    config : Config
        All settings; single ones may be given by name beside it: ``mount="inverted"``.
    encoder : AudioEncoder
        A loaded model to share; by default the listener loads ``config.bundle``.
    on_notice : callable
        Takes what the user should know though nothing failed; by default it is logged.
    began_s : float, seconds of Unix time
        When the stream began, for schedules of a recording's rules; by default they go by the
        clock.

    Attributes
    ----------
    on_foa : callable or None
        Takes the AmbiX samples (4, n) at the model's rate of each push, before their hearings;
        they are not to be changed, nor kept without a copy.
    on_frames : callable or None
        Takes the features of what is heard, for those who draw them.
    clip_of : callable or None
        Tells what is remembered where the clip of an alert is kept, by the ids of its rule and of
        the alert.
    known : KnownSounds or None
        What names known sounds, if `Config.known_sounds` asks for any.

    Raises
    ------
    ElsaError
        A setting, prompt or bundle that is of no use.
    """

    def __init__(
        self,
        prompts: Iterable[str | Rule] | PromptBank | None = None,
        source: AnySource = None,
        config: Config | None = None,
        *,
        encoder: AudioEncoder | None = None,
        on_notice: OnNotice = log_notice,
        began_s: float | None = None,
        **settings: Unpack[ListenerSettings],
    ) -> None:
        check_callable(on_notice, "on_notice")
        config, encoder, bank = Setup.of(prompts, config, encoder, on_notice, dict(settings))
        self.source = source
        self.bundle = bundle = encoder.bundle
        self.on_notice = on_notice
        count = config.known_sounds
        self.known = known = KnownSounds.of(bundle) if count else None
        self._encoder = encoder
        self._began_s = coerce(began_s, float | None, "began_s")
        self._microphone = profile_of(config)
        self._session: Session | None = None  # of what iterating or `start` opened
        self._listening: Listening | None = None
        HighPass(bundle.features.rate)  # compiled or loaded before a microphone is open
        self._frame = ReferenceFrame(bundle, config.frame, on_notice)
        self._store = _open_store(config)
        rule_set = self._rule_set_of(bank, config)
        matcher, self.config, self._store = rule_set
        self._pipeline = Pipeline(
            bundle,
            self._microphone,
            self._frame,
            encoder.streams().lanes[0],
            matcher,
            None if known is None else lambda embedding: known.nearest(embedding, count or 0),
            lambda notice: self.on_notice(notice),
        )
        self._rules = RuleChanges(rule_set, self._rule_set_of)
        self._keeper = Keeper(config, bundle, lambda text: self.on_notice(text), self._began_s)
        for notice in self._microphone.notices:
            on_notice(notice)

    @property
    def clip_of(self) -> ClipOf | None:
        """See the attributes of the class."""
        return self._keeper.clip_of

    @clip_of.setter
    def clip_of(self, clip_of: ClipOf | None) -> None:
        self._keeper.clip_of = clip_of

    @property
    def on_foa(self) -> Callable[[NDArray[np.float32]], None] | None:
        """See the attributes of the class."""
        return self._pipeline.on_foa

    @on_foa.setter
    def on_foa(self, on_foa: Callable[[NDArray[np.float32]], None] | None) -> None:
        self._pipeline.on_foa = on_foa

    @property
    def on_frames(self) -> Callable[[Frames], None] | None:
        """See the attributes of the class."""
        return self._pipeline.on_frames

    @on_frames.setter
    def on_frames(self, on_frames: Callable[[Frames], None] | None) -> None:
        self._pipeline.on_frames = on_frames

    def _push(self, block: Block) -> list[Hearing]:
        self._adopt()
        return self._keeper.keep(self._pipeline.push(block))

    def __iter__(self) -> Iterator[Hearing]:
        """Open the source, hear it to its end, and close it whatever happens."""
        try:
            with self._open() as session:
                for hearings in session:
                    yield from hearings
        finally:
            self._keeper.end()

    def __aiter__(self) -> AsyncIterator[Hearing]:
        """The same for ``async for``; the blocks are heard on a thread of their own."""
        return hear(self._open, self._keeper.end)

    def start(
        self,
        on_hearing: Callable[[Hearing], object] | None = None,
        on_alert: Callable[[Alert], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
    ) -> Listening:
        """Open the source and hear it on a thread that calls back; returns its handle.

        The source is opened before this returns, so that its errors are raised here. The thread
        makes one call at a time; one that takes longer than a step holds up the next, and beyond
        the four seconds that a microphone keeps sound is lost (``Hearing.dropped``).

        Parameters
        ----------
        on_hearing : callable
            Takes every `Hearing`.
        on_alert : callable
            Takes every `Alert`, after the hearing that it is in.
        on_error : callable
            Takes what ended the listening early, of the source or of a callback. Without it the
            error is logged, and raised by ``join()`` of the handle.
        """
        for name, callback in (
            ("on_hearing", on_hearing), ("on_alert", on_alert), ("on_error", on_error)
        ):  # fmt: skip
            check_callable(callback, name)
        self._listening = Listening(self._open(), Callbacks(on_hearing, on_alert, on_error))
        return self._listening

    def _open(self) -> Session:
        """A session with a newly opened source, in place of one that was left in the middle."""
        self._check_free("opening the source")
        self._pipeline.restart()
        self.close()
        source = open_source(
            self.source, self.config, self.on_notice, self._microphone, supervised=True
        )
        self._keeper.told(source)
        self._session = Session(source, Stages(self._push, self._finish, self._fail))
        return self._session

    def close(self) -> None:
        """Release the source that iterating or `start` opened, at once; a loop over it ends.

        The listener itself can be used again. Closing twice does nothing.
        """
        if self._listening is not None and self._listening.running:
            self._listening.stop()
            if not self._listening.is_here:
                self._listening.join()
        elif self._session is not None:
            self._session.close()
        self._keeper.end()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        rules, steps = len(self.config.rules), self._pipeline.steps
        model = f"{self.bundle.name} {self.bundle.version}"
        return f"<Listener {rules} rules, {model} on {self._encoder.engine}, {steps} steps>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Listener hears one stream and cannot be pickled or copied: make one where it is "
            "needed; its AudioEncoder can be passed to other processes"
        )

    def push(self, block: Block | ArrayLike, rate: int | None = None) -> list[Hearing]:
        """Hear ``block``; returns a hearing for every step that it completed, perhaps none.

        Parameters
        ----------
        block : Block, or float (channels, n)
            Samples of full scale -1..1. An array follows what was pushed before it; a `Block` may
            tell more: its place in time, and what was lost.
        rate : int, Hz
            Of an array; a `Block` has its own.

        Raises
        ------
        SourceError
            There are fewer than four channels, rate or channels changed, or an array has another
            shape or type.
        UsageError
            An array came without a rate, or the listener hears its own source on a thread
            (`start`).

        Examples
        --------
        >>> hearings = listener.push(samples.T, 48_000)  # samples (n, 4) of sounddevice
        """
        self._check_free("push")
        if self._session is None or self._session.closed:
            self._keeper.told(self.source)
        return self._push(self._pipeline.block_of(block, rate))

    def _check_free(self, what: str) -> None:
        if self._listening is not None and self._listening.running:
            raise UsageError(
                f"{what}: the listener hears its source on a thread: stop() and join() the handle "
                "that start() gave, first"
            )

    def _use(self, stream: EncoderStream) -> None:
        """Hear through ``stream``, one of several that step together."""
        self._pipeline.use(stream)

    def _take(self) -> list[Hearing]:
        """Hearings of the steps that have run together with those of others."""
        return self._keeper.keep(self._pipeline.take())

    def finish(self) -> list[Hearing]:
        """End the stream: hear what was held back, end open alerts; the next push begins anew.

        Silence completes the last step. If the stream ended with a step and alerts are still
        open, a step of silence carries their ends.
        """
        self._check_free("finish")
        return self._finish()

    def _finish(self) -> list[Hearing]:
        return self._ended(self._pipeline.finish())

    def fail(self, reason: str) -> list[Hearing]:
        """End the stream because its source failed: open alerts end, `health` says why.

        The last hearing carries the state FAILED and, unless that was known, the event "deaf".
        """
        self._check_free("fail")
        return self._fail(coerce(reason, str, "fail: reason"))

    def _fail(self, reason: str) -> list[Hearing]:
        return self._ended(self._pipeline.fail(reason))

    def _ended(self, last: list[Hearing]) -> list[Hearing]:
        """The ``last`` hearings of a stream; what is kept of it is whole."""
        hearings = self._keeper.keep(last)
        self._keeper.end()
        return hearings

    def reset(self) -> None:
        """Forget all that was heard; the next block is the first of a new stream."""
        self._check_free("reset")
        self._keeper.end()
        self._pipeline.restart()

    def change_rules(self, rules: Rules, **settings: Unpack[AlertSettings]) -> None:
        """Listen by other ``rules`` from the next push on; any thread may call it.

        They are prepared here and now, so that the stream does not wait for them. What is heard
        lives on: the model's memory, the tracks, and the open alerts of rules that stay as they
        are. Alerts of other rules end.

        Parameters
        ----------
        rules : iterable of str or Rule, or PromptBank
        **settings
            Settings of alerts in `Config` that change as well.

        Raises
        ------
        UsageError
            A rule or a setting makes no sense, or cannot change; the old ones go on.
        """
        self._rules.change(rules, dict(settings))

    def add_prompt(self, prompt: str | Rule) -> Rule:
        """Listen for one more sentence or rule from the next push on; any thread may call it.

        Returns the rule that listens for it; where one does so already, that one.

        Raises
        ------
        UsageError
            It makes no sense, or its id is that of another rule; the old ones go on.
        """
        return self._rules.add(prompt)

    def remove_prompt(self, prompt: str | Rule) -> None:
        """Stop listening for a rule, given by its id, its sentence or itself; see `add_prompt`.

        Its open alert ends. Without any rule left, activity and directions are still heard.

        Raises
        ------
        UsageError
            There is no such rule.
        """
        self._rules.remove(prompt)

    def _rule_set_of(self, rules: Rules, config: Config) -> RuleSet:
        bank = PromptBank.of(self.bundle, rules, config, self._encoder)
        config = replace(config, prompts=bank.prompts, rules=bank.rules)
        for notice in bank.notices:
            self.on_notice(notice)
        kept = self._store
        store = kept if feedback_path(config) == kept.path else _open_store(config)
        matcher = Matcher(
            bank,
            config,
            self.bundle,
            store,
            self._began_s,
            lambda notice: self.on_notice(notice),
        )
        return RuleSet(matcher, config, store)

    def _adopt(self) -> None:
        """Change over to the rules that are waiting, if any."""
        following = self._rules.adopt()
        if following is not None:
            before = self._pipeline.matcher
            self._pipeline.matcher, self.config, self._store = following
            self._pipeline.matcher.inherit(before)

    def feedback(
        self, alert_id: str, verdict: Verdict | Literal["undo"], rule: str | None = None
    ) -> None:
        """Say that an alert was "false" or "right", or "undo" what was said; any thread may.

        What was heard in the alert becomes an example of its rule, at its place: from the next
        second on the like of a false one hardly alerts any more. With ``Config.feedback`` or a
        site it is kept in a file and counts after a restart as well. Where alerts are grouped, it
        is said of every rule that joined the alert, unless ``rule``, an id, names one of them.

        Raises
        ------
        UsageError
            There was no such alert of late, the verdict is none, or the rule had no part in it.
        """
        if verdict == "undo":
            self._store.undo(alert_id, rule)
        else:
            self._store.judge(alert_id, verdict, rule=rule)

    @property
    def health(self) -> Health:
        """How well the listener hears, as of the last block; after `reset` as if all were well."""
        return self._pipeline.health

    @property
    def store(self) -> FeedbackStore:
        """The alerts that can be judged, and what people said of them."""
        return self._store

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What people said of alerts, the last word last."""
        return self._store.marks

    @property
    def statistics(self) -> tuple[RuleStatistics, ...]:
        """Alerts, near misses and rates of each rule since the listener began."""
        return self._pipeline.matcher.statistics

    def set_orientation(
        self,
        quaternion: ArrayLike | None = None,
        *,
        yaw_deg: float = 0.0,
        pitch_deg: float = 0.0,
        roll_deg: float = 0.0,
        time_s: float | None = None,
        captured_s: float | None = None,
    ) -> None:
        """Say how the listener is turned in the world; call it as often as a sensor tells.

        From then on hearings and alerts carry their direction in the world beside that of the
        microphone. Between two readings it turns evenly, after the last it stands still: set what
        is known of a time before pushing its sound. Another thread may call it.

        Parameters
        ----------
        quaternion : (x, y, z, w) of unit length as ROS has it, or None for the angles
            Takes vectors of the listener to those of the world.
        yaw_deg, pitch_deg, roll_deg : float, degrees
            ``Rz(yaw) Ry(pitch) Rx(roll)``: positive yaw turns left, positive pitch dips the nose.
        time_s : seconds of the stream, optional
        captured_s : seconds of the capture clock (``time.monotonic``), optional
            Without both it is now, and for sound without a clock the end of what was pushed.

        Raises
        ------
        UsageError
            It is no rotation. A reading that is late, or stamped in the future, is skipped and said
            once; a clock that was set back is followed.
        """
        self._frame.set(
            as_quaternion(quaternion, yaw_deg, pitch_deg, roll_deg),
            coerce(time_s, float | None, "orientation: time_s"),
            coerce(captured_s, float | None, "orientation: captured_s"),
        )

    @property
    def thresholds(self) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """The scores (p,) that start an alert of each rule, and (p,) below which it may end."""
        matcher = self._pipeline.matcher
        return matcher.start, matcher.end

    @property
    def engine(self) -> str:
        """What runs the model."""
        return self._encoder.engine

    @property
    def latencies_s(self) -> dict[str, float]:
        """Seconds that each stage adds; the resampler is known from the first block on."""
        return self._pipeline.latencies_s

    @property
    def latency_s(self) -> float:
        """Seconds from a sound to the end of the step that tells of it, computing aside."""
        return sum(self.latencies_s.values())


def _open_store(config: Config) -> FeedbackStore:
    store = FeedbackStore.of(config)
    store.compact()
    return store
