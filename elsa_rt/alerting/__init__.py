"""Alert decisions: from scores and tracks to alerts.

matcher             `Matcher`: scorer, tracker and gates in their order
gate                `AlertGate`: the messages of alerts that start, go on and end
open_alerts         `OpenAlert`: which of those on one sound is the surest, and which join it
lifecycle           `AlertLifecycle`: confirmation, hysteresis, cooldown and rate limit of each rule
evidence            `Evidence`: peak, mean, rate and onset of what holds
alert_sounds        what was heard in each alert, for those who judge it
reasons             why a rule did not alert, and occasions on which it came near
tally               what became of each rule: alerts, near misses, rates
level_gate          rules that ask for a sound level
schedule_gate       rules that listen at some times only
"""
