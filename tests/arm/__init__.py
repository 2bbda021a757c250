"""What a 64-bit ARM processor hears, by an emulator of its instructions.

python -m tests.arm          compare it with this machine
python -m tests.arm.hear     one of the two
"""
