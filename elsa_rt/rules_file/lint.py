"""Lint of a rules file: what is allowed and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.outputs.base import is_installed
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.rule import Rule
from elsa_rt.rules_file.reader import RulesFile
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.word_notices import word_notices
from elsa_rt.user_files.problems import Problem

AT_ONCE = 64
"""Rules whose sentences are encoded together; what a bundle keeps in its memo is many more."""

LOUDEST_DBFS = -3.0
"""What a full-scale sine reads."""


def lint(file: RulesFile, bundle: ModelBundle) -> list[Problem]:
    """Warnings about the rules of ``file`` when ``bundle`` hears, by line."""
    config = Config(north_deg=file.settings.get("north_deg"))
    found = []
    for begin in range(0, len(file.rules), AT_ONCE):
        rules = file.rules[begin : begin + AT_ONCE]
        plain = [replace(rule, examples=()) for rule in rules if rule.prompts or rule.but_not]
        if plain:  # together, as one after the other takes many times as long
            PromptBank.encode(bundle, plain, config)
        found += [
            Problem(file.rule_lines[rule.id], f"rule {rule.id}: {what}")
            for rule in rules
            for what in (*_words(rule, bundle, config), *_reach(rule, bundle))
        ]
    first: dict[Rule, Rule] = {}
    for rule in file.rules:
        same = first.setdefault(replace(rule, id="same"), rule)
        if same is not rule:
            line = file.rule_lines[rule.id]
            found.append(Problem(line, f"rule {rule.id} is the same as {same.id}: take one out"))
    found += [
        Problem(0, f"output {output.type}: {output.needs[0]} is not installed: {install}")
        for output in file.outputs
        if output.needs is not None and not is_installed(type(output))
        for install in (f"pip install 'elsa-rt[{output.needs[1]}]'",)
    ]
    return sorted(found)


def _words(rule: Rule, bundle: ModelBundle, config: Config) -> Iterator[str]:
    """Lint of the sentences of ``rule``."""
    if rule.prompts or rule.but_not:
        plain = replace(rule, examples=())  # nothing is said of recordings here
        bank = PromptBank.encode(bundle, [plain], config)
        yield from bank.notices
        yield from word_notices(bank, bundle, Statistics.of(bundle))
    for prompt in rule.but_not:
        if prompt.casefold() in map(str.casefold, rule.prompts):
            yield f"{prompt!r} is listened for and stands in but_not: it can hardly alert"


def _reach(rule: Rule, bundle: ModelBundle) -> Iterator[str]:
    """Why ``rule`` may never alert, or by chance."""
    if rule.level_dbfs is not None and rule.level_dbfs > LOUDEST_DBFS:
        yield (
            f"level_dbfs {rule.level_dbfs:g}: a full-scale sine reads {LOUDEST_DBFS:g}, "
            "so it can hardly alert: ask for less"
        )
    if rule.alert_start is not None and rule.alert_start >= 1:
        yield "alert_start 1: a score reaches it hardly ever: ask for less"
    error_deg = direction_error_deg(bundle)
    if rule.region is None or error_deg is None:
        return
    for part in rule.region.parts:
        low, high = part.azimuth_deg
        widths = {
            "azimuth_deg": high - low if high > low else high - low + 360,
            "elevation_deg": part.elevation_deg[1] - part.elevation_deg[0],
        }
        for name, width in widths.items():
            if width < 2 * error_deg:
                yield (
                    f"{name} is {width:g}° wide, and the model is off by {error_deg:.0f}° as often "
                    f"as not: make it {2 * error_deg:.0f}° or wider"
                )
    if rule.region.asks_distance and bundle.window is not None:
        yield "distance_m: this model does not hear distances: it is not checked"


def direction_error_deg(bundle: ModelBundle) -> float | None:
    """Median error of the direction of one step, in the worst of the measured conditions."""
    found = [
        float(figures["direction_step_median_deg"])
        for figures in bundle.measured.values()
        if isinstance(figures, dict) and "direction_step_median_deg" in figures
    ]
    return max(found, default=None)
