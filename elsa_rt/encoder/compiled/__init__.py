"""The audio encoder as a program of its own, in place of ONNX Runtime's on the processor.

model        `CompiledAudio`, which the engine ``compiled`` is
onnx_file    the graph, read without a library
lowering     graph -> `tensors` in a memory, operations of a `program`
units        stretches of operations that several steps of a stream go through side by side
kernels      what runs them: the `codes` of the table, in vectors of `elsa_rt.jit.vector`
"""
