"""Recordings, their credits, and what the tagger knows of them."""
