"""The model on its engines.

bundle              `ModelBundle`: manifest, hashes and files of a model
audio               `AudioEncoder`, loaded once and shared; a stream is a listener's third stage
output              `EncoderOutput` of a step, and the thresholds of activity
text                embeddings of sentences
step, engines       one step of a model, and which engine runs it: `compiled`, `onnx` or `tensorrt`
window, windowed    encoders without state (CLAP), on a sliding window
"""
