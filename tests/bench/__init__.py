"""How fast elsa-rt is and how much memory it takes: measured by hand, never by the tests.

python -m tests.bench.step           each stage of one step
python -m tests.bench.filters        filters of a microphone profile
python -m tests.bench.start          from the command to the first hearing; the import
python -m tests.bench.growth         more context, more prompts, more streams
python -m tests.bench.listen_file    the command on a long file: speed, memory
python -m tests.bench.report         the report of a long recording
python -m tests.bench.page           the page while it is watched
python -m tests.bench.terminal       the terminal view while it is watched
python -m tests.bench.alternatives   beside SciPy, librosa, torch and CLAP
python -m tests.bench.devices        the guide's table, of lines of elsa-rt bench --json

All but the last print Markdown with target and measured value, and exit 1 where one is missed.
"""
