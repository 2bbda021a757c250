"""TensorRT and TensorRT-RTX: loading, building plans, running them.

library             the gate to either library, and the builder
plans               the cache of plans with their sidecars
run                 an encoder on a plan; `cuda` is the gate to the CUDA runtime
runtime_cache       kernels that TensorRT-RTX compiled at run time
"""
