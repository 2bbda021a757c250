"""The web page of a running listener, and its server.

guard        who may connect: token, Host, Origin, content security policy
hub          viewers and their bounded queues
spectrum     the spectrogram coloured by direction, one column a step
live         what the page is told of: an output for hearings, alerts, notices
commands     what the page asks for: prompts, thresholds, feedback
expectation  false alarms and misses of a rule over its threshold
app          routes
api          the API for robots: another application on the same server and guard
server       uvicorn on a thread of its own
static/      the page: HTML, CSS and JavaScript modules as they are served
"""
