"""The Fourier operator of framework/nn/fourier_operator.h on circles, in PyTorch's eager Python: with fast Fourier
transforms, as Li et al. 2021 and its successors write it, or with our products of matrices.

    fourier_operator.py FILE fft|matrices

takes weights and data that benchmark_fourier_operator wrote, prints the largest difference of the outputs over the
largest output, and for each number of steps on standard input the processor seconds that they took, until 0.
"""
import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional


def waves(first, last, n):
    """exp(2 pi i k j / n), [frequencies, n]."""
    turns = torch.outer(torch.arange(first, last + 1), torch.arange(n)).remainder(n).double() / n
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns).to(torch.complex64)


class FastTransform(nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        frequencies = [modes[0] + 1, *(2 * k + 1 for k in modes[1:])]
        self.weight = nn.Parameter(torch.empty(*frequencies, width, width, 2))

    def forward(self, h):  # [B, width, n(, m)]
        r = torch.view_as_complex(self.weight)
        k = self.modes[0] + 1
        if len(self.modes) == 1:
            c = torch.fft.rfft(h, norm="forward")
            out = torch.zeros(*c.shape, dtype=c.dtype)
            out[..., :k] = torch.einsum("bix,xio->box", c[..., :k], r)
            return torch.fft.irfft(out, n=h.shape[-1], norm="forward")
        l = self.modes[1]
        c = torch.fft.rfft2(h, dim=(3, 2), norm="forward")  # the half spectrum is axis 0's
        out = torch.zeros(*c.shape, dtype=c.dtype)
        out[:, :, :k, :l + 1] = torch.einsum("bixy,xyio->boxy", c[:, :, :k, :l + 1], r[:, l:])
        out[:, :, :k, -l:] = torch.einsum("bixy,xyio->boxy", c[:, :, :k, -l:], r[:, :l])
        return torch.fft.irfft2(out, s=(h.shape[3], h.shape[2]), dim=(3, 2), norm="forward")


class Matrices(FastTransform):
    """What framework/nn/spectral_convolution.cpp does, with the bases made once."""

    def bases(self, sizes):
        if not hasattr(self, "made"):
            e = waves(0, self.modes[0], sizes[0])
            pairs = torch.full((self.modes[0] + 1, 1), 2.0)
            pairs[0] = 1
            self.made = [torch.cat([e.real, -e.imag]) / sizes[0],
                         torch.cat([pairs * e.real, -pairs * e.imag]).T.contiguous()]
            if len(sizes) > 1:
                f = waves(-self.modes[1], self.modes[1], sizes[1])
                self.made += [f.conj().resolve_conj() / sizes[1], f.T.contiguous()]
        return self.made

    def forward(self, h):  # [B, n(, m), width]
        analysis, synthesis, *second = self.bases(h.shape[1:-1])
        parts = (analysis @ h.flatten(2)).unflatten(1, (2, -1))
        c = torch.complex(parts[:, 0], parts[:, 1])
        if second:
            c = (second[0] @ c.unflatten(2, (-1, h.shape[-1]))).flatten(1, 2)
        r = torch.view_as_complex(self.weight).flatten(0, -3)
        c = torch.bmm(c.transpose(0, 1), r).transpose(0, 1)
        if second:
            c = (second[1] @ c.unflatten(1, (-1, second[1].shape[1]))).flatten(2)
        mixed = torch.view_as_real(c).movedim(-1, 1).flatten(1, 2)
        return (synthesis @ mixed).view(h.shape)


class Layer(nn.Module):
    def __init__(self, spectral, width, modes, time_channels):
        super().__init__()
        self.spectral = spectral(width, modes)
        self.pointwise = nn.Linear(width, width)
        self.modulation = nn.Linear(time_channels, 2 * width)
        self.last = spectral is Matrices  # channels come last

    def forward(self, h, e):
        points = h.shape[1:-1] if self.last else h.shape[2:]
        scale, shift = self.modulation(e).view(
            len(e), *([1] * len(points) if self.last else []), -1, *([] if self.last else [1] * len(points))
        ).chunk(2, -1 if self.last else 1)
        if self.last:
            z = self.spectral(h) + self.pointwise(h)
        else:  # a convolution of one point
            flat = functional.conv1d(h.flatten(2), self.pointwise.weight.unsqueeze(-1), self.pointwise.bias)
            z = self.spectral(h) + flat.view(h.shape)
        return z * (1 + scale) + shift


class TimeEmbedding(nn.Module):
    def __init__(self, pairs, channels):
        super().__init__()
        self.frequencies = torch.linspace(math.log(0.5), math.log(15), pairs).exp()
        self.linear_1 = nn.Linear(2 * pairs, channels)
        self.linear_2 = nn.Linear(channels, channels)

    def forward(self, t):
        angles = t[:, None] * self.frequencies
        return self.linear_2(functional.silu(self.linear_1(torch.cat([angles.sin(), angles.cos()], 1))))


class FourierOperator(nn.Module):
    def __init__(self, options, dimensions, spectral):
        super().__init__()
        width, channels = options["width"], options["time_channels"]
        self.condition = nn.Module()
        self.condition.time_embedding = TimeEmbedding(options["time_pairs"], channels)
        self.lift = nn.Linear(1 + 2 * dimensions, width)
        self.layers = nn.ModuleList(
            Layer(spectral, width, options["modes"], channels) for _ in range(options["layers"]))
        self.project_1 = nn.Linear(width, options["projection"])
        self.project_2 = nn.Linear(options["projection"], 1)
        self.last = spectral is Matrices

    def forward(self, x, t):
        angles = torch.meshgrid(*(2 * math.pi * torch.arange(n) / n - math.pi for n in x.shape[2:]), indexing="ij")
        position = [wave(a).expand(len(x), 1, *a.shape) for a in angles for wave in (torch.sin, torch.cos)]
        h = self.lift(torch.cat([x, *position], 1).movedim(1, -1))
        if not self.last:
            h = h.movedim(-1, 1).contiguous()
        e = functional.silu(self.condition.time_embedding(t))
        for i, layer in enumerate(self.layers):
            h = layer(h, e)
            if i + 1 < len(self.layers):
                h = functional.gelu(h)
        if not self.last:
            h = h.movedim(1, -1)
        return self.project_2(functional.gelu(self.project_1(h))).movedim(-1, 1)


def main():
    torch.set_num_threads(1)
    data = torch.load(sys.argv[1], weights_only=False)
    x, t, target = data["x"], data["t"], data["target"]
    spectral = {"fft": FastTransform, "matrices": Matrices}[sys.argv[2]]
    network = FourierOperator(json.loads(data["configuration"]), x.dim() - 2, spectral)
    network.load_state_dict(data["parameters"])
    with torch.no_grad():
        y = network(x, t)
    print(((y - data["y"]).abs().max() / data["y"].abs().max()).item(), flush=True)
    for line in sys.stdin:
        if int(line) == 0:
            break
        begun = time.process_time()
        for _ in range(int(line)):
            network.zero_grad()
            (network(x, t) - target).square().mean().backward()
        print(time.process_time() - begun, flush=True)


if __name__ == "__main__":
    main()
