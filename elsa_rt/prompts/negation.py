"""Takes a sentence apart into what is wanted and what is not: "any sound but speech"."""

from __future__ import annotations

import re

from elsa_rt.errors import UsageError
from elsa_rt.prompts.alternatives import excluded_of
from elsa_rt.prompts.spatial_phrases import ANYTHING, place_spans

_ANY = (
    r"(?:any(?:thing| ?(?:other )?(?:sounds?|noises?))|every(?:thing| (?:sound|noise))"
    r"|all(?: (?:other )?(?:sounds|noises))?|(?:a |some )?(?:sounds?|noises?)|something|whatever)"
)
_NOT = (
    r"(?:,? ?[-–(\[]? ?\b(?:(?:but|and) neither|but not|but no|and not|and no|not"
    r"|except(?: for)?|excluding|other than|apart from|besides|rather than|instead of"
    r"|without(?: any)?|with no|minus|unless it(?: i|['’])s"
    r"|(?:that|which|who)(?: is| are|['’]s)?(?: not| no|n['’]t)"
    r"|(?:that|which|who) (?:does|do|did)(?: not|n['’]t)|(?:that|which) are(?:n['’]t))"
    r"|(?:,|[(\[]) ?no)"
)
_ANY_BUT = re.compile(
    rf"^(?P<any>{_ANY}) ?(?:(?:at all|else) ?)?(?:{_NOT}|\bbut) (?:from )?(?P<rest>.+)$",
    re.IGNORECASE,
)
_NON = re.compile(
    r"^(?:any |an? |all )?non-?(?P<rest>[a-z]+)(?: (?:sounds?|noises?))$", re.IGNORECASE
)
_KIND_BUT = re.compile(r"^(?P<sound>any \w+(?: \w+)?) but (?P<rest>.+)$", re.IGNORECASE)
_BUT_NOT = re.compile(rf"^(?P<sound>.+?){_NOT} (?P<rest>.+)$", re.IGNORECASE)
_ONLY_NOT = re.compile(
    r"^(?:not|neither|except(?: for)?|excluding|other than|apart from|besides"
    r"|unless (?:it(?: i|['’])s|there(?: i|['’])s)) (?P<rest>.+)$",
    re.IGNORECASE,
)
_NOTHING_BUT = re.compile(r"^(?:nothing|none) but (?P<rest>.+)$", re.IGNORECASE)
_NOT_ONLY = re.compile(
    r"^not (?:only|just|merely) (?P<one>.+?)(?:,? but (?:also )?(?P<other>.+))?$", re.IGNORECASE
)
_ABSENT = re.compile(
    r"^(?:(?P<nobody>nobody|no[ -]?one) "
    r"|(?:no longer|no|without(?: any)?|never|the absence of|absence of|nothing but no) "
    r"|(?:please )?(?:ignore|mute|disregard"
    r"|(?:do not|don['’]t|never) (?:alert|tell|notify|warn|wake|listen|report|trigger|react)\b.*?"
    r"\b(?:on|about|for|to|of|when|if|by)) )(?P<rest>\w.*)$",
    re.IGNORECASE,
)
_SILENCE = re.compile(r"^(?:nothing|(?:no|absence of) (?:sounds?|noises?))[.!]*$", re.IGNORECASE)
_WHOSE = re.compile(
    r"^(?:(?:my|our|your|his|her|their) .+|mine|ours|yours|hers|theirs)$", re.IGNORECASE
)
_SAYS = re.compile(r"\b(?:say|shout|yell|scream|call|cry|whisper|answer)(?:s|ing)$", re.IGNORECASE)
"""After such a word "not" is what somebody says."""

_ANYWHERE = re.compile(
    r"\b(?:anywhere|everywhere|(?:any|all) directions?|(?:any|all|every) sides?)(?: else)?$",
    re.IGNORECASE,
)
"""What follows is a place: "from anywhere except the kitchen"."""

_NO_NOUN = re.compile(
    r"\b(?:will|was|were|is|are|can|could|would|should|must|may|might|has|have|had|do|does|did|be)"
    r",? not (?!an?\b|the\b|my\b)",
    re.IGNORECASE,
)
"""A "not" of a verb: "the tap was not closed"."""


def refuse_absence(prompt: str) -> None:
    """Raise a UsageError if ``prompt`` says only what must not sound: "no dog barking"."""
    text = _NOTHING_BUT.sub(r"\g<rest>", prompt)
    if _SILENCE.match(text):
        raise UsageError(
            f"the prompt {prompt!r} asks for silence, and that is no sound: listen for "
            '"a sound", any sound at all, whose alert ends with it'
        )
    absent = _ABSENT.match(text)
    if absent is None or is_place(text, absent.start("rest")):
        return
    rest = f"someone {absent['rest']}" if absent["nobody"] else absent["rest"].rstrip(".!")
    raise UsageError(
        f"the prompt {prompt!r} says only what must not sound, and nobody can hear that: name "
        f'the sounds that you want, e.g. "any sound but {rest}", or in a rule '
        f"prompt: a sound, but_not: {rest}"
    )


def parted(text: str) -> tuple[str, str]:
    """What is wanted and what is not; the second is empty where nothing is excluded.

    Raises
    ------
    UsageError
        It excludes somebody's sound, which is like everybody's: "a dog but not my dog".
    """
    only = _NOT_ONLY.match(text)
    if only is not None:
        return (f"{only['one']} or {only['other']}" if only["other"] else only["one"]), ""
    if match := _NOTHING_BUT.match(text):
        return match["rest"], ""
    for pattern in (_ONLY_NOT, _NON, _ANY_BUT, _KIND_BUT, _BUT_NOT):
        match = pattern.match(text)
        if match is None or is_place(text, match.start("rest")):
            continue
        unwanted = re.sub(r"^(?:no|not|when|if|while) ", "", match["rest"], flags=re.IGNORECASE)
        unwanted = unwanted.rstrip(")]")
        if pattern not in (_KIND_BUT, _BUT_NOT):
            return ANYTHING, unwanted
        wanted = match["sound"].rstrip(" ,(-–[")
        if _SAYS.search(wanted) or _NO_NOUN.search(text) or _ANYWHERE.search(wanted):
            continue
        if _WHOSE.match(unwanted):
            raise UsageError(
                f"the prompt {text!r} excludes {unwanted!r}, and whose a sound is cannot be heard "
                f"from words: listen for {wanted!r}, and say of its alerts which were false: "
                "elsa-rt feedback last false"
            )
        return wanted, excluded_of(wanted, unwanted)
    return text, ""


def is_place(text: str, at: int) -> bool:
    """Whether words about place reach over ``at``, or begin there: "not behind me"."""
    return any(start <= at < end for start, end in place_spans(text))
