"""Active and reactive intensity of first-order ambisonics, inside the network."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from export.teacher.config import Spatial

FAINT = 1e-9
"""Energy of a bin, in parts of the clip's mean, that counts as none."""

LEVEL_SPREAD = 3.0  # brings the log energy about its mean to about -1..1


class Planes(NamedTuple):
    """Pictures of where sound flows, over time and pitch."""

    active: Tensor  # (batch, 3 or 4, frames, bins): x, y, z, and the level if it is asked for
    reactive: Tensor  # the same
    flow: Tensor  # (batch, 3), mean of the active vectors by the amplitude of their bins


class Intensity(nn.Module):
    """FOA (batch, 4, n) AmbiX -> `Planes`.

    ``conj(W) [X, Y, Z]``: the real part, the active intensity, points towards the source; the
    imaginary part is the reactive one. Both are divided by the energy density of the bin,
    ``(|W|^2 + |X|^2 + |Y|^2 + |Z|^2) / 2``. So no vector is longer than 1, whatever the level,
    and the length still says how diffuse the bin is. Divided by the length of the active vector,
    as elsewhere, diffuseness is lost and the reactive part has no bound where waves stand.
    """

    def __init__(self, settings: Spatial) -> None:
        super().__init__()
        self.settings = settings
        self.bins = int(settings.highest_hz * settings.n_fft / settings.rate) + 1
        self.planes = 4 if settings.level else 3
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(settings.n_fft), persistent=False)

    def frames(self, samples: int) -> int:
        """Frames of so many samples."""
        return samples // self.settings.hop + 1

    @torch.no_grad()
    def forward(self, foa: Tensor) -> Planes:
        with torch.autocast(foa.device.type, enabled=False):  # there is no complex bfloat16
            spectra = torch.stft(
                foa.float().flatten(0, 1),
                self.settings.n_fft,
                self.settings.hop,
                window=self.window,
                pad_mode="constant",
                return_complex=True,
            )[:, : self.bins]
            spectra = spectra.reshape(-1, 4, *spectra.shape[1:]).transpose(-1, -2)
            w, y, z, x = spectra.unbind(1)
            flow = w.conj()[:, None] * torch.stack([x, y, z], 1)
            energy = sum((c.real.square() + c.imag.square() for c in (w, y, z, x)), w.real * 0) / 2
            energy = energy[:, None]
            mean = energy.mean((2, 3), keepdim=True)
            energy = energy + FAINT * mean + torch.finfo(torch.float32).tiny
            active, reactive = flow.real / energy, flow.imag / energy
            share = energy.sqrt() / energy.sqrt().sum((2, 3), keepdim=True)
            mean_flow = (active * share).sum((2, 3))
            if not self.settings.level:
                return Planes(active, reactive, mean_flow)
            log = energy.log()
            level = (log - log.mean((2, 3), keepdim=True)) / LEVEL_SPREAD
            return Planes(torch.cat([active, level], 1), torch.cat([reactive, level], 1), mean_flow)
