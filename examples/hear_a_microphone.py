"""Hear the default microphone, and say when something is heard.

python examples/hear_a_microphone.py "a glass breaking" "someone knocking on the left"
"""

import sys

import elsa_rt

for hearing in elsa_rt.Listener(prompts=sys.argv[1:]):
    for alert in hearing.alerts:
        print(f"{alert.time_s:8.1f} s  {alert.state:5}  {alert.prompt}  ({alert.words})")
