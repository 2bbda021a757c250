"""Commands of the page: messages ``{"do": ..., "call": number, ...}``; each gets a reply.

explain   prompt | rule, and changes       what to expect of it, over the threshold
add       prompt, changes                  listen for it as well
change    rule, changes                    fields of `RuleBook.change`
remove    rule
mute      rule, muted                      without a rule: all together
judge     alert, verdict                   "false", "right" or "undo"
save      path                             write rules that have no file yet
doctor                                     checks of model, engine and computer
recall    text, since, unusual             rows of the store that is listened into
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.screens.rule_book import edited
from elsa_rt.screens.web.expectation import expect
from elsa_rt.screens.web.live import LivePage

VERDICTS: tuple[Literal["false", "right", "undo"], ...] = ("false", "right", "undo")

RECALLED = 50
"""Rows of the past that a page gets at once."""


class Commands:
    """Carries out what pages ask for; `run` may take a second, and is called off the event loop."""

    def __init__(self, page: LivePage) -> None:
        self._page, self._book, self._listener = page, page.book, page.listener
        self._table: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "explain": self._explain,
            "add": self._add,
            "change": self._change,
            "remove": self._remove,
            "mute": self._mute,
            "judge": self._judge,
            "save": self._save,
            "doctor": self._doctor,
            "recall": self._recall,
        }

    def run(self, text: str) -> str:
        """Carry out one message; returns the reply, also to a wrong one."""
        call: Any = None
        try:
            asked = _parsed(text)
            call = asked.get("call")
            found = self._table.get(asked.get("do", ""), _unknown)(asked)
        except ElsaError as error:
            found = {"error": str(error)}
        return json.dumps({"type": "reply", "call": call, "ok": "error" not in found, **found})

    def _explain(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "rule" in asked:
            rule = self._book.find(_word(asked, "rule"))
        else:
            rule = Rule("draft", (_word(asked, "prompt"),))
        rule = edited(rule, _changes(asked))
        return {"expected": expect(self._listener.bundle, rule, self._listener.config)}

    def _add(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"rule": self._book.add(_word(asked, "prompt"), _changes(asked)).id}

    def _change(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"rule": self._book.change(_word(asked, "rule"), _changes(asked)).id}

    def _remove(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._book.remove(_word(asked, "rule"))
        return {}

    def _mute(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        muted = asked.get("muted") is True
        if "rule" in asked:
            self._book.mute(_word(asked, "rule"), muted)
        else:
            self._book.mutes.mute_all(muted)
        return {}

    def _judge(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        alert, given = _word(asked, "alert"), _word(asked, "verdict")
        verdict = next((one for one in VERDICTS if one == given), None)
        if verdict is None:
            raise UsageError(f"the verdict {given!r}: {', '.join(VERDICTS)} is needed")
        rule = _word(asked, "rule") if "rule" in asked else None
        self._listener.feedback(alert, verdict, rule)
        self._page.judged(alert, verdict)
        return {}

    def _save(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = _word(asked, "path")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.ya?ml", name):
            raise UsageError(f"{name!r}: a plain file name that ends in .yaml is needed")
        self._book.save(Path(name))
        return {"path": str(Path(name).resolve())}

    def _doctor(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        from elsa_rt.diagnostics.doctor import examine_computer

        checks = examine_computer(self._listener.config)
        return {"checks": [check._asdict() for check in checks]}

    def _recall(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        from elsa_rt.memory.memory import Memory

        store = self._listener.config.remember
        if store is None:
            raise UsageError("nothing is remembered: elsa-rt serve --remember past")
        text, since = (_word(asked, name).strip() or None for name in ("text", "since"))
        notices: list[str] = []
        bundle = self._listener.bundle.path
        with Memory.open(store, bundle=bundle, on_notice=notices.append) as memory:
            if asked.get("unusual") is True:
                found = memory.unusual(since=since, top=RECALLED)
            else:
                found = memory.recall(text, since=since, top=RECALLED, histogram=True)
        rows = [row.as_dict() for row in found]
        return {"rows": rows, "summary": found.summary(), "notices": notices}


def _parsed(text: str) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("do"), str):
        raise UsageError('a message must be a JSON object with "do"')
    return asked


def _word(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}: text is needed")
    return value


def _changes(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = asked.get("changes") or {}
    if not isinstance(changes, dict):
        raise UsageError(f"changes are {changes!r}: an object is needed")
    return changes


def _unknown(asked: Mapping[str, Any]) -> dict[str, Any]:
    raise UsageError(f"{asked['do']!r} is unknown to this version: load the page again")
