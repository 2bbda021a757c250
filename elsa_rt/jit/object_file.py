"""Relocatable object files of LLVM: their machine code loaded into this process.

It is the small part of a linker that 64-bit ELF files of the large code model need, where every
address is written as a whole: of x86-64, and of 64-bit ARM. What it does not know it refuses.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

X86_64, AARCH64 = 62, 183
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}

_HEADER = np.dtype([
    ("magic", "S4"), ("bits", "u1"), ("order", "u1"), ("_", "V10"), ("type", "<u2"),
    ("machine", "<u2"), ("_1", "V20"), ("sections_at", "<u8"), ("_2", "V10"),
    ("section_size", "<u2"), ("sections", "<u2"), ("names", "<u2"),
])  # fmt: skip
_SECTION = np.dtype([
    ("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("address", "<u8"), ("offset", "<u8"),
    ("size", "<u8"), ("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("entry", "<u8"),
])  # fmt: skip
_SYMBOL = np.dtype([
    ("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"),
    ("size", "<u8"),
])  # fmt: skip
_RELOCATION = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])

_SYMBOLS, _RELOCATIONS, _EMPTY = 2, 4, 8  # types of sections
_IN_MEMORY = 2  # flag of a section
_UNDEFINED, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2  # in place of a symbol's section

_X86_64_ABSOLUTE = 1
_ARM_ABSOLUTE = 257
_ARM_MOVE = range(263, 270)  # 16 bits of an address in an instruction, from the lowest
_ARM_BRANCH = (282, 283)  # 26 bits of a distance in words
_ARM_TABLE_PAGE, _ARM_TABLE_ENTRY = 311, 312  # where an address stands: page, and place in it
_ARM_STUB = np.array([0x58000050, 0xD61F0200], "<u4").tobytes()  # ldr x16, 8 bytes on; br x16

_NEVER_CALLED = frozenset((
    "numba_gil_ensure", "numba_gil_release", "numba_unpickle", "numba_do_raise",
    "numba_runtime_build_excinfo_struct", "NRT_Free", "NRT_MemInfo_call_dtor",
))  # fmt: skip
"""Functions of Numba that only an exception, or the end of an array of Numba's own, would call."""

Resolve = Callable[[str], int]
"""Address of a function or a variable by its name."""


class ObjectFile(NamedTuple):
    """Machine code of a function, as a compiler writes it."""

    code: bytes
    name: str


class Loaded(NamedTuple):
    """Machine code in memory; it lives as long as ``memory``."""

    memory: mmap.mmap
    address: int  # of the function that was asked for


def load(file: ObjectFile, resolve: Resolve) -> Loaded:
    """Load ``file``, made for this processor.

    Raises
    ------
    OSError
        It is of another processor or kind, or the system lets no program make code.
    """
    image = Image(file.code, MACHINES.get(platform.machine(), 0))
    descriptor = os.memfd_create("elsa-rt")
    try:
        os.ftruncate(descriptor, image.size)
        # never writable and executable at once; what is written now is seen by the first call
        memory = mmap.mmap(descriptor, image.size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC)
        base = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        os.pwrite(descriptor, image.at(base, resolve), 0)
    finally:
        os.close(descriptor)
    return Loaded(memory, base + image.offset_of(file.name))


class Image:
    """The sections of an object file as they lie in memory.

    Attributes
    ----------
    size : int, bytes
    """

    def __init__(self, code: bytes, machine: int) -> None:
        self._code = code
        (header,) = np.frombuffer(code, _HEADER, 1)
        kind = (header["magic"], header["bits"], header["order"], header["type"])
        if kind != (b"\x7fELF", 2, 1, 1) or header["machine"] != machine:
            raise OSError(f"no object file for machine {machine}: {kind}, {header['machine']}")
        self._machine = machine
        self._sections = np.frombuffer(
            code, _SECTION, int(header["sections"]), int(header["sections_at"])
        )
        names = self._sections[int(header["names"])]
        (table,) = self._sections[self._sections["type"] == _SYMBOLS]
        self._symbols = self._array(table, _SYMBOL)
        self._names = [
            self._text(self._sections[table["link"]], at) for at in self._symbols["name"]
        ]
        self.size = 0
        self._placed: dict[int, int] = {}  # section -> offset
        for index, section in enumerate(self._sections):
            frames = self._text(names, section["name"]) == ".eh_frame"  # kernels raise nothing
            if section["flags"] & _IN_MEMORY and not frames:
                self._placed[index] = self._room(int(section["size"]), int(section["align"]))
        self._offsets = [self._place(symbol) for symbol in self._symbols]
        self._stubs = [self._room(len(_ARM_STUB) + 8, 8) for _ in self._symbols]

    def offset_of(self, name: str) -> int:
        """Where a function begins, in bytes of the image."""
        offset = self._offsets[self._names.index(name)]
        if offset is None:
            raise OSError(f"the object file has no {name}")
        return offset

    def at(self, base: int, resolve: Resolve) -> bytes:
        """The image for address ``base``."""
        memory = np.zeros(self.size, np.uint8)
        for index, offset in self._placed.items():
            section = self._sections[index]
            if section["type"] != _EMPTY:
                memory[offset : offset + int(section["size"])] = self._array(section, "u1")
        addresses = [self._address(index, base, resolve) for index in range(len(self._symbols))]
        for address, stub in zip(addresses, self._stubs, strict=True):
            code = _ARM_STUB + address.to_bytes(8, "little")
            memory[stub : stub + len(code)] = np.frombuffer(code, np.uint8)
        for section in self._sections[self._sections["type"] == _RELOCATIONS]:
            into = self._placed.get(int(section["info"]))
            for each in self._array(section, _RELOCATION) if into is not None else ():
                symbol, kind = int(each["symbol"]), int(each["type"])
                place, added = int(into or 0) + int(each["offset"]), int(each["addend"])
                if self._machine == X86_64:
                    _relocate_x86(memory[place:], kind, addresses[symbol] + added)
                else:
                    stub = base + self._stubs[symbol]
                    _relocate_arm(
                        memory[place:], kind, base + place, addresses[symbol] + added, stub
                    )
        return memory.tobytes()

    def _place(self, symbol: Any) -> int | None:
        """Offset of a symbol; None of one that lies elsewhere."""
        section = int(symbol["section"])
        if section in self._placed:
            return self._placed[section] + int(symbol["value"])
        if section == _COMMON:
            return self._room(int(symbol["size"]), int(symbol["value"]))
        return None

    def _address(self, index: int, base: int, resolve: Resolve) -> int:
        offset = self._offsets[index]
        if offset is not None:
            return base + offset
        elsewhere = self._symbols[index]["section"] == _UNDEFINED and self._names[index]
        return resolve(self._names[index]) if elsewhere else 0

    def _room(self, size: int, align: int) -> int:
        """Offset of ``size`` more bytes."""
        at = -(-self.size // max(align, 1)) * max(align, 1)
        self.size = at + size
        return at

    def _array(self, section: Any, kind: Any) -> NDArray[Any]:
        kind = np.dtype(kind)
        count = int(section["size"]) // kind.itemsize
        return np.frombuffer(self._code, kind, count, int(section["offset"]))

    def _text(self, section: Any, at: int) -> str:
        begin = int(section["offset"]) + int(at)
        return self._code[begin : self._code.index(b"\0", begin)].decode()


def _relocate_x86(at: NDArray[np.uint8], kind: int, target: int) -> None:
    """Write the address ``target`` at the beginning of ``at``."""
    if kind != _X86_64_ABSOLUTE:
        raise OSError(f"the object file has a relocation of type {kind}")
    at[:8].view("<u8")[0] = target % 2**64


def _relocate_arm(at: NDArray[np.uint8], kind: int, place: int, target: int, stub: int) -> None:
    """The same of an instruction at address ``place``; ``stub`` is near and leads to ``target``."""
    if kind == _ARM_ABSOLUTE:
        at[:8].view("<u8")[0] = target % 2**64
        return
    word, entry = at[:4].view("<u4"), stub + len(_ARM_STUB)
    if kind in _ARM_MOVE:
        word[0] |= (target >> (kind - _ARM_MOVE.start) // 2 * 16 & 0xFFFF) << 5
    elif kind in _ARM_BRANCH:
        word[0] |= (stub - place) // 4 % 2**26
    elif kind == _ARM_TABLE_PAGE:
        pages = (entry >> 12) - (place >> 12)
        word[0] |= (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5
    elif kind == _ARM_TABLE_ENTRY:
        word[0] |= (entry & 0xFFF) >> 3 << 10
    else:
        raise OSError(f"the object file has a relocation of type {kind}")


def address_of(name: str) -> int:
    """Address of a function or variable of the C library or of Python.

    Of `_NEVER_CALLED`, which kernels do not reach, it is that of the end of the process.

    Raises
    ------
    OSError
        There is none.
    """
    for library in (None, "libm.so.6"):
        try:
            found = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
        return int(ctypes.cast(found, ctypes.c_void_p).value or 0)
    if name in _NEVER_CALLED:
        return address_of("abort")
    raise OSError(f"no library has {name}")
