"""Where hearings and alerts are told.

jsonl               JSON lines
rotating            a file that is rotated by size and day
"""
