"""From a checkpoint to the files of a bundle: ONNX, precision, statistics, card."""
