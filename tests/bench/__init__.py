"""How fast elsa-rt is and how much memory it takes: measured by hand, never by the tests.

python -m tests.bench.stages         each stage of one step
python -m tests.bench.listen_file    the command on a long file
python -m tests.bench.alternatives   beside SciPy, torch and CLAP; more prompts, more streams

All print Markdown and exit 1 beyond their budget.
"""
