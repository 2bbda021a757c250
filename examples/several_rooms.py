"""Hear several microphones with one model, and say in which room something is heard.

python examples/several_rooms.py kitchen=hw:1 hall=hw:2 -- "a glass breaking" "a smoke alarm"
"""

import sys

import elsa_rt

if "--" not in sys.argv:
    sys.exit(__doc__)
cut = sys.argv.index("--")
rooms = dict(room.split("=", 1) for room in sys.argv[1:cut])
with elsa_rt.Listeners(sys.argv[cut + 1 :], rooms) as listeners:
    for room, hearing in listeners.hear():
        for alert in hearing.alerts:
            print(f"{room}: {alert.state} {alert.prompt}, {alert.words}")
