"""Draw the live view of the built-in scene into an SVG: the picture in the README.

python examples/draw_live_view.py elsa_rt/guide/images/live-view.svg [SECONDS]
"""

import io
import sys

from rich.console import Console

from elsa_rt import Listener
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.screens.picture import State, picture

WIDTH, HEIGHT = 90, 26


def main(path: str, stop_s: float) -> None:
    """Hear the scene up to ``stop_s`` seconds and draw what the screen shows then."""
    listener = Listener(demo_prompts(), demo_path())
    model = f"{listener.bundle.name} {listener.bundle.version}"
    state = State("the built-in scene", model, demo_prompts())
    for hearing in listener:
        state.take(hearing)
        if hearing.time_s >= stop_s:
            break
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO())
    console.print(picture(state, WIDTH, HEIGHT), height=HEIGHT)
    console.save_svg(path, title="elsa-rt listen --demo")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 9.8)
