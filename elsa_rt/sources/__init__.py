"""Sources: files, pipes, microphones and arrays that yield `Block`s.

open                `open_source`: the source that a name, number or path means
base                `Source`, what every source is
files, pipe, array  recordings, raw PCM on standard input, samples in memory
microphone          live capture; `ring` is the one thread boundary, `capture_clock` finds losses
devices             input devices by name and number
"""
