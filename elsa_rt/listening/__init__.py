"""How a listener runs: its open source, a thread of its own, and the exchange of its rules.

session        `Session`: a source that is heard from its opening to its end or its close
background     `Listening`: a session on a thread that calls back; the handle to stop and join it
asynchronous   `hear`: a session for ``async for``
readers        `Readers`: several sources at once, a thread for each
rule_changes   `RuleChanges`: rules that other threads prepare and the stream adopts
"""
