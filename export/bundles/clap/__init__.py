"""Bring your own CLAP: a windowed bundle from the directory of a `transformers.ClapModel`.

    python -m export clap DIR -o BUNDLE

graph       the model and its front end as ONNX, checked against torch
background  the score statistics
bundle      sizes, manifest and card
"""
