"""The rules of a running listener as a screen changes them: in memory, and in their file.

Page and terminal share it. A change is checked first, then written (the file as a whole or not at
all, every comment kept), then listened by; what is refused changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_rt.errors import UsageError
from elsa_rt.files import replacing
from elsa_rt.muting import Mutes
from elsa_rt.prompts.checks import check_prompt
from elsa_rt.prompts.rule_embeddings import region_of
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule, slug_of
from elsa_rt.rules_file.edit import changed_rule, with_rule, without_rule
from elsa_rt.scoring.thresholds import rate_of

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.rules_file.reader import RulesFile

EDITABLE = ("prompts", "but_not", "region", "false_alarms_per_hour")
"""Fields of `Rule` that a screen changes."""

HEADER = """\
# What elsa-rt listens for. elsa-rt check tells what is wrong in it.
rules:
"""


class RuleBook:
    """Rules that can be added, changed, removed and muted while they are listened by.

    Parameters
    ----------
    listener : Listener
    file : RulesFile, optional
        Where the rules are kept; without it they live in memory until `save`.
    on_change : callable, optional
        Called after each change, of mutes too.

    Attributes
    ----------
    mutes : Mutes
        Shared with the outputs: what is muted here is muted there, and the other way round.
    """

    def __init__(
        self,
        listener: Listener,
        file: RulesFile | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._listener, self.file, self.on_change = listener, file, on_change
        self._lock = threading.RLock()
        self.rules: tuple[Rule, ...] = listener.config.rules
        self.mutes = Mutes()
        self.mutes.watch(lambda: self.on_change())

    def find(self, rule_id: str) -> Rule:
        """The rule with this id, or a UsageError."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise UsageError(f"there is no rule {rule_id!r}: it may have been removed meanwhile")

    def region_of(self, rule: Rule) -> Region:
        """Where a rule listens: as it says, or as its words do."""
        return region_of(rule, self._listener.config)

    def rate_of(self, rule: Rule) -> float:
        """False alarms an hour that a rule asks for, its own or those of the settings."""
        return rate_of(rule, self._listener.config)

    def add(self, prompt: str, changes: Mapping[str, Any] | None = None) -> Rule:
        """Listen for ``prompt`` as well; ``changes`` are fields of `EDITABLE`."""
        with self._lock:
            prompt = check_prompt(prompt)
            name = _free_name(slug_of(prompt), {rule.id for rule in self.rules})
            rule = edited(Rule(name, (prompt,)), changes or {})
            self._adopt(
                (*self.rules, rule),
                lambda file, text: with_rule(file.path, text, _keys(rule)),
            )
            return rule

    def change(self, rule_id: str, changes: Mapping[str, Any]) -> Rule:
        """Give a rule other values of `EDITABLE` fields; None is the default.

        A rate of false alarms takes the place of the rule's own scores.
        """
        with self._lock:
            before = self.find(rule_id)
            rule = edited(before, changes)
            index = self.rules.index(before)
            old, new = _keys(before), _keys(rule)
            different = {name: new.get(name) for name in (*old, *new) if old.get(name) !=
                         new.get(name)}  # fmt: skip
            if different:
                rules = (*self.rules[:index], rule, *self.rules[index + 1 :])
                self._adopt(rules, lambda f, text: changed_rule(f.path, text, index, different))
            return rule

    def remove(self, rule_id: str) -> None:
        """Listen for it no more."""
        with self._lock:
            index = self.rules.index(self.find(rule_id))
            rules = (*self.rules[:index], *self.rules[index + 1 :])
            self._adopt(rules, lambda file, text: without_rule(file.path, text, index))

    def mute(self, rule_id: str, muted: bool) -> None:
        """Let a rule be silent until it is unmuted, or elsa-rt is started again."""
        self.find(rule_id)
        self.mutes.mute(rule_id, muted)

    def reload(self, file: RulesFile, **settings: Any) -> bool:
        """Take over what a file says that was changed outside; whether that changed anything.

        What a screen has written is listened by already. Where a screen has changed the file since
        it was read, it is left to be read again.
        """
        from elsa_rt.user_files.yaml_lines import read_text

        with self._lock:
            if sha256(read_text(file.path).encode()).hexdigest() != file.digest:
                return False
            config = self._listener.config
            same = all(getattr(config, name) == value for name, value in settings.items())
            known = same and file.rules == self.rules
            if not known:
                self._listen(file.rules, **settings)
            self.file = file
            return not known

    def save(self, path: Path) -> None:
        """Write rules that have no file yet into a new one.

        Raises
        ------
        UsageError
            ``path`` exists, or cannot be written.
        """
        with self._lock:
            text = HEADER
            for rule in self.rules:
                first, *rest = [f"{name}: {value}" for name, value in _lines(rule)]
                text += f"  - {first}\n" + "".join(f"    {line}\n" for line in rest)
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                raise UsageError(
                    f"writing {path}: it exists: give another name, or start with --config {path}"
                ) from None
            except OSError as error:
                raise UsageError(f"writing {path}: {error.strerror}: give another name") from None

    def _adopt(self, rules: tuple[Rule, ...], edit: Callable[[RulesFile, str], str]) -> None:
        if self.file is None:
            self._listen(rules)
            return
        from elsa_rt.user_files.yaml_lines import read_text

        path = self.file.path.resolve()  # a link stays a link
        edited = edit(self.file, read_text(path))
        try:
            with replacing(path) as part:
                part.write_text(edited, encoding="utf-8")
                new = _read(part, path)
                self._listen(new.rules)
        except OSError as error:
            raise UsageError(
                f"writing {path}: {error.strerror}: its directory must be writable"
            ) from None
        self.file = replace(new, path=self.file.path)

    def _listen(self, rules: tuple[Rule, ...], **settings: Any) -> None:
        self._listener.change_rules(rules, **settings)
        self.rules = rules
        for gone in self.mutes.rules - {rule.id for rule in rules}:
            self.mutes.mute(gone, False)
        self.on_change()


def _read(part: Path, path: Path) -> RulesFile:
    """The rules file ``part`` that is going to be ``path``; its mistakes are said of ``path``."""
    from elsa_rt.rules_file.reader import read_rules

    try:
        return read_rules(part)
    except UsageError as error:
        raise UsageError(str(error).replace(str(part), str(path))) from None


def edited(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    unknown = changes.keys() - set(EDITABLE)
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))}: only {', '.join(EDITABLE)} can change")
    given: dict[str, Any] = dict(changes)
    for name in ("prompts", "but_not"):
        if name in given:
            given[name] = tuple(check_prompt(text) for text in given[name] or ())
    if given.get("region") is not None:
        given["region"] = _region(given["region"])
    if "false_alarms_per_hour" in given:
        given |= {"alert_start": None, "alert_end": None}
    rule = replace(rule, **given)
    if not rule.has_meaning and rule.level_dbfs is None:
        raise UsageError(f"the rule {rule.id} needs a sentence: say what to listen for")
    return rule


def _region(given: Any) -> Region:
    """A region from ``{"azimuth_deg": [from, to], ...}``, or a list of such parts."""
    try:
        parts: list[dict[str, Any]] = [
            {name: (float(low), float(high)) for name, (low, high) in part.items()}
            for part in (given if isinstance(given, list) else [given])
        ]
        return Region.union(Region(**part) for part in parts)
    except (TypeError, ValueError, AttributeError):
        raise UsageError(
            f"the region {given!r}: azimuth_deg, elevation_deg or distance_m with two numbers is "
            "needed"
        ) from None


def _keys(rule: Rule) -> dict[str, Any]:
    """The keys of a rules file that say what ``rule`` says; defaults are left out."""
    keys: dict[str, Any] = {"id": rule.id}
    if len(rule.prompts) == 1:
        keys["prompt"] = rule.prompts[0]
    elif rule.prompts:
        keys["prompts"] = list(rule.prompts)
    if rule.but_not:
        keys["but_not"] = list(rule.but_not)
    if rule.region is not None:
        parts = [_bounds(part) for part in rule.region.parts]
        keys["region"] = parts if len(parts) > 1 else parts[0]
    for name in ("false_alarms_per_hour", "alert_start", "alert_end"):
        if getattr(rule, name) is not None:
            keys[name] = getattr(rule, name)
    return keys


def _bounds(region: Region) -> dict[str, list[float]]:
    """The keys of one part of a region; what is unbounded is left out."""
    default = Region()
    return {
        name: list(getattr(region, name))
        for name in ("azimuth_deg", "elevation_deg", "distance_m")
        if getattr(region, name) != getattr(default, name)
    }


def _lines(rule: Rule) -> list[tuple[str, str]]:
    from elsa_rt.rules_file.edit import flow

    keys = _keys(rule)
    if rule.examples:
        keys["examples"] = [str(Path(path).resolve()) for path in rule.examples]
    return [(name, flow(value)) for name, value in keys.items()]


def _free_name(slug: str, taken: set[str]) -> str:
    name, number = slug, 1
    while name in taken:
        number += 1
        name = f"{slug}-{number}"
    return name
