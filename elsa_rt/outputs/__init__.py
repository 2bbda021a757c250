"""Outputs of hearings and alerts.

jsonl               JSON lines
rotating            a file that is rotated by size and day
"""
