"""Object files that LLVM writes, loaded and called; those of another processor, decoded."""

from __future__ import annotations

import ctypes
import platform

import numpy as np
import pytest

from elsa_rt.jit.object_file import AARCH64, X86_64, Image, ObjectFile, address_of, load

llvm = pytest.importorskip("llvmlite.binding")

SOURCE = """
@table = internal constant [4 x i64] [i64 3, i64 5, i64 7, i64 11]
@common = common global i64 0
declare double @cos(double)
declare void @numba_gil_ensure()
define internal i64 @pick(i64 %at) noinline {
  %place = getelementptr [4 x i64], ptr @table, i64 0, i64 %at
  %value = load i64, ptr %place
  ret i64 %value
}
define i64 @answer(ptr %row) {
  %x = load double, ptr %row
  %cosine = call double @cos(double %x)
  %scaled = fmul double %cosine, 1000.0
  %number = fptosi double %scaled to i64
  %bad = icmp sgt i64 %number, 5000
  br i1 %bad, label %fail, label %go
fail:
  call void @numba_gil_ensure()
  br label %go
go:
  %picked = call i64 @pick(i64 2)
  %held = load i64, ptr @common
  %sum = add i64 %number, %picked
  %all = add i64 %sum, %held
  ret i64 %all
}
"""


def object_code(triple: str, source: str = SOURCE) -> bytes:
    """The object file of ``source`` for ``triple``, with addresses written as a whole."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this LLVM writes no code for {triple}")
    machine = target.create_target_machine(codemodel="large", reloc="static", opt=2)
    module = llvm.parse_assembly(source)
    module.triple = triple
    return bytes(machine.emit_object(module))


def test_a_function_is_loaded_and_called() -> None:
    code = object_code(f"{platform.machine()}-unknown-linux-gnu")
    loaded = load(ObjectFile(code, "answer"), address_of)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(loaded.address)
    row = np.array([1.0])
    assert call(row.ctypes.data) == int(1000 * np.cos(1.0)) + 7
    # no page can be written that can be run
    with open("/proc/self/maps", encoding="ascii") as maps:
        ours = [line.split()[1] for line in maps if "memfd:elsa-rt" in line]
    assert ours
    assert all("w" not in rights for rights in ours)


def moved(code: np.ndarray, at: int) -> int:
    """The number that four instructions of 64-bit ARM move into a register, 16 bits each."""
    return sum(
        (int(word) >> 5 & 0xFFFF) << 16 * (int(word) >> 21 & 3) for word in code[at : at + 4]
    )


def test_addresses_stand_in_the_instructions_of_an_arm_processor() -> None:
    base, addresses = 0x7F12_3456_7000, {"cos": 0x7E00_1122_3344, "numba_gil_ensure": 0x1000}
    image = Image(object_code("aarch64-unknown-linux-gnu"), AARCH64)
    made = image.at(base, addresses.__getitem__)
    code = np.frombuffer(made[: image.size // 4 * 4], "<u4")
    kinds = code >> 23 & 0x1FF  # 0x1A5 moves and clears, 0x1E5 moves 16 bits more
    found = {moved(code, at) for at in np.flatnonzero(kinds == 0x1A5).tolist()
             if (kinds[at + 1 : at + 4] == 0x1E5).all()}  # fmt: skip
    assert base + made.index(np.array([3, 5, 7, 11], "<i8").tobytes()) in found
    branches = np.flatnonzero(code >> 26 == 0b100101)
    steps = (code[branches] & 0x3FFFFFF).astype(np.int64)
    reached = set((4 * (branches + steps - (steps >> 25 << 26))).tolist())
    reached.remove(image.offset_of("pick"))
    through = {int.from_bytes(made[at + 8 : at + 16], "little") for at in reached}  # of stubs
    assert through == set(addresses.values())


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_an_object_file_of_another_processor_is_refused(machine: int) -> None:
    with pytest.raises(OSError, match=f"no object file for machine {machine}"):
        Image(object_code("riscv64-unknown-linux-gnu"), machine)


def test_a_function_that_no_library_has_is_refused() -> None:
    code = object_code(
        f"{platform.machine()}-unknown-linux-gnu", SOURCE.replace("@cos", "@cosiest")
    )
    with pytest.raises(OSError, match="no library has cosiest"):
        load(ObjectFile(code, "answer"), address_of)


def test_a_short_address_is_refused() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(f"{platform.machine()}-unknown-linux-gnu")
    machine = target.create_target_machine(codemodel="small", reloc="static")
    code = bytes(machine.emit_object(llvm.parse_assembly(SOURCE)))
    with pytest.raises(OSError, match="a relocation of type"):
        load(ObjectFile(code, "answer"), address_of)
