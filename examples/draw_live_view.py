"""Draw the live view of the built-in scene into an SVG: the picture in the README.

python examples/draw_live_view.py elsa_rt/guide/images/live-view.svg [SECONDS]
"""

import io
import sys

from rich.console import Console
from rich.text import Text

from elsa_rt import Listener
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.screens.heard import HeardLog
from elsa_rt.screens.terminal.picture import Picture
from elsa_rt.screens.terminal.signs import UNICODE
from elsa_rt.screens.terminal.state import State
from elsa_rt.screens.terminal.style import codes, encode

WIDTH, HEIGHT = 96, 28


def main(path: str, stop_s: float) -> None:
    """Hear the scene up to ``stop_s`` seconds and draw what the screen shows then."""
    listener = Listener(demo_prompts(), demo_path(), known_sounds=3)
    state = State("the built-in scene", f"{listener.bundle.name} {listener.bundle.version}")
    if listener.known is not None:
        state.told_from = listener.known.told_from
        state.log = HeardLog(state.told_from)
    for hearing in listener:
        state.take(hearing)
        if hearing.time_s >= stop_s:
            break
    state.load.load = None  # faster than real time, it says nothing
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO())
    for line in Picture(state, UNICODE).lines(WIDTH, HEIGHT):
        console.print(Text.from_ansi(encode(line, codes("truecolor"))))
    console.save_svg(path, title="elsa-rt listen --demo")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 9.8)
