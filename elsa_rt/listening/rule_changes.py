"""Change of rules while listening: any thread prepares them, the stream adopts them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from elsa_rt.alerting.matcher import Matcher
from elsa_rt.config import CHANGEABLE, Config
from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.checks import check_prompt
from elsa_rt.rules.rule import Rule, rules_of
from elsa_rt.scoring.feedback import FeedbackStore

Rules = Iterable[str | Rule] | PromptBank


class RuleSet(NamedTuple):
    """Rules as a stream uses them."""

    matcher: Matcher
    config: Config  # with these rules
    store: FeedbackStore


Prepare = Callable[[Rules, Config], RuleSet]


class RuleChanges:
    """Holds the rule set in use and the one that follows it.

    Preparing takes seconds, adopting microseconds. So two locks: one lets a single thread prepare
    at a time, on top of what the one before it prepared; the other guards the exchange.

    Parameters
    ----------
    current : RuleSet
    prepare : callable
        Makes the rule set of rules and settings.
    """

    def __init__(self, current: RuleSet, prepare: Prepare) -> None:
        self._current = current
        self._prepare = prepare
        self._following: RuleSet | None = None
        self._preparing = threading.Lock()
        self._exchange = threading.Lock()

    def change(self, rules: Rules, settings: dict[str, Any]) -> None:
        """See `Listener.change_rules`."""
        for name in settings:
            if name not in CHANGEABLE:
                raise UsageError(
                    f"{name} cannot change while listening: make a new listener for that"
                )
        with self._newest() as newest:
            self._offer(rules, newest.config.changed(**settings))

    def add(self, prompt: str | Rule) -> Rule:
        """See `Listener.add_prompt`."""
        with self._newest() as newest:
            rules = newest.config.rules
            if not isinstance(prompt, Rule):
                sentence = check_prompt(prompt)
                for rule in rules:
                    if rule == Rule(rule.id, (sentence,)):
                        return rule
                (prompt,) = rules_of([sentence], [rule.id for rule in rules])
            if prompt not in rules:
                self._offer([*rules, prompt], newest.config)
            return prompt

    def remove(self, prompt: str | Rule) -> None:
        """See `Listener.remove_prompt`."""
        coerce(prompt, str | Rule, "remove_prompt:")
        with self._newest() as newest:
            rules = newest.config.rules
            kept = [one for one in rules if prompt not in (one, one.id)]
            if len(kept) == len(rules):
                kept = [one for one in rules if prompt != one.label]
            if len(kept) == len(rules):
                raise UsageError(
                    f"remove_prompt: nothing listens for {prompt!r}: the rules are "
                    f"{', '.join(one.id for one in rules) or 'none'}"
                )
            self._offer(kept, newest.config)

    def adopt(self) -> RuleSet | None:
        """The rule set to change over to, from now on the one in use; None without a change."""
        with self._exchange:
            if self._following is None:
                return None
            self._current, self._following = self._following, None
            return self._current

    @contextmanager
    def _newest(self) -> Iterator[RuleSet]:
        """Keep other threads from preparing, and yield the newest rule set."""
        with self._preparing:
            with self._exchange:
                newest = self._current if self._following is None else self._following
            yield newest

    def _offer(self, rules: Rules, config: Config) -> None:
        """Let the stream adopt ``rules`` with its next block."""
        following = self._prepare(rules, config)
        with self._exchange:
            self._following = following
