"""Thresholds from a labelled recording: what each would miss and falsely tell."""
