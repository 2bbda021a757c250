"""Pictures in pixels: the spectrogram coloured by direction, as PNG inside the page."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SATURATION = 0.5
FLOOR = 0.3
"""Share of the level range below which nothing is drawn."""


def spectrogram(columns: NDArray[np.uint8]) -> str:
    """Columns (n, bands, 3) of `DirectionSpectrum` as a data URL; the lowest band below."""
    return data_url(colours(columns))


def colours(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA (bands, n, 4) of level, azimuth and directness (n, bands, 3)."""
    level, azimuth, direct = (data[..., part].astype(np.float32) / 255 for part in range(3))
    bright = np.clip((level - FLOOR) / (1 - FLOOR), 0, 1)
    hue = (210 + 360 * azimuth - 180) % 360
    light = 1 - 0.52 * bright
    saturation = np.minimum(1, 1.1 * direct) * SATURATION * np.minimum(1, 3 * bright)
    spread = saturation * np.minimum(light, 1 - light)
    rgb = []
    for offset in (0, 8, 4):
        at = (offset + hue / 30) % 12
        rgb.append(light - spread * np.clip(np.minimum(at - 3, 9 - at), -1, 1))
    picture = np.stack([*rgb, np.minimum(1, 2.5 * bright)], axis=-1)
    return np.round(255 * picture).astype(np.uint8).transpose(1, 0, 2)[::-1]


def data_url(rgba: NDArray[np.uint8]) -> str:
    """An image (rows, columns, 4) as PNG in a ``data:`` URL."""
    height, width, _ = rgba.shape
    rows = np.zeros((height, 1 + 4 * width), np.uint8)  # each row begins with filter 0
    rows[:, 1:] = rgba.reshape(height, -1)

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    content = zlib.compress(rows.tobytes(), 9)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content)
    return "data:image/png;base64," + base64.b64encode(png + chunk(b"IEND", b"")).decode("ascii")
