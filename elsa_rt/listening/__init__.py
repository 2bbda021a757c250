"""How a listener runs: its set-up, its stages, its open source, and the exchange of its rules.

setup          `Setup`: settings, model and prompts from what the maker of a listener gave
pipeline       `Pipeline`: the way of one stream through all stages, and its ends
intake         `Intake`: blocks of a source to AmbiX at the model's rate, and its place in time
hearings       `hearing_of`: what the stages found in one step, as listeners tell it
rule_changes   `RuleChanges`: rules that other threads prepare and the stream adopts
session        `Session`: a source that is heard from its opening to its end or its close
background     `Listening`: a session on a thread that calls back; the handle to stop and join it
asynchronous   `hear`: a session for ``async for``
readers        `Readers`: several sources at once, a thread for each
"""
