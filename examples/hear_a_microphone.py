"""Hear the default microphone, and say when something is heard.

python examples/hear_a_microphone.py "a glass breaking" "someone knocking on a door"
"""

import sys

import elsa_rt

prompts = sys.argv[1:] or sys.exit(__doc__)
try:
    for hearing in elsa_rt.Listener(prompts):
        for alert in hearing.alerts:
            print(f"{alert.time_s:8.1f} s  {alert.state:5}  {alert.prompt}  ({alert.words})")
except elsa_rt.ElsaError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    pass
