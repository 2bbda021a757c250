"""Hear a source on a thread of its own that calls back, while the program does something else.

python examples/call_back.py room.wav "a dog barking" "a door closing"
"""

import sys

import elsa_rt


def tell(alert: elsa_rt.Alert) -> None:
    """Take an alert on the listener's thread; be quick, or hand it on."""
    print(f"{alert.time_s:.1f} s  {alert.state}  {alert.prompt}  ({alert.words})")


if len(sys.argv) < 3:
    sys.exit(__doc__)
source, *prompts = sys.argv[1:]
with elsa_rt.Listener(prompts, source) as listener:
    listening = listener.start(on_alert=tell)
    while not listening.join(timeout_s=1.0):  # the program's own work stands here
        pass
