"""The live view on a terminal.

view      the view as an output: a thread that paints, keys that act
state     what is known, taken step by step
picture   lines of text from it, for any size
compass   the compass in text
painter   only the lines that changed, as escape sequences
style     styled lines; colours by what the terminal can do
signs     characters, and their replacements in ASCII
keys      keys, one by one
"""

from elsa_rt.screens.terminal.view import TerminalView

__all__ = ["TerminalView"]
