"""Alert decisions: from scores and tracks to alerts.

matcher             `Matcher`: scorer, tracker and gates in their order
gate                `AlertGate`: confirmation, hysteresis and cooldown of each rule
level_gate          rules that ask for a sound level
schedule_gate       rules that listen at some times only
"""
