"""Compiled kernels: machine code made by Numba ahead, loaded without Numba or LLVM.

`kernel` calls a kernel, `shipped` holds the machine code that comes with elsa-rt, `object_file`
puts it into the process. Where none fits the processor, `numba_compiler` makes it once and the
cache keeps it: Numba and LLVM take 130 MB, and a compilation seconds.
"""
