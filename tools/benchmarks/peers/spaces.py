"""Score training on the two-sphere in PyTorch's eager Python: the steps of configs/riemannian_earthquake.json, vectorised
over the batch as public code for Riemannian score models is (De Bortoli et al. 2022, github.com/oxcsml/riemannian-score-sde).

    spaces.py CONFIGURATION ROWS exact|walk

ROWS holds float32 unit vectors. Noise is drawn by rejection with the heat kernel (`exact`, as framework/spaces/sphere.h),
or by a geodesic random walk of 100 steps (`walk`, as that code does on spheres). Prints by how many standard errors
E cos r differs from exp(-tau), and for each number of steps on standard input the processor seconds that they took and
their mean loss, until 0.
"""
import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional

SHORT_TIME = 0.1  # of tau: below, the small-time expansion to first order
TERMS = 32        # of the series beyond


def kernel(r, tau):
    """(log p_tau(r), -(d log p/dr)/r), float64."""
    safe = r.clamp_min(1e-4)
    sine, cosine = safe.sin(), safe.cos()
    log_p = torch.log(safe / sine) / 2 - safe.square() / (2 * tau) - torch.log(2 * math.pi * tau) + tau / 8
    pull = 1 / tau - (1 / safe - cosine / sine) / (2 * safe)
    long = tau > SHORT_TIME
    if not long.any():
        return log_p, pull
    c, time = cosine[long], tau[long]
    before, now = torch.ones_like(c), c
    slope_before, slope = torch.zeros_like(c), torch.ones_like(c)
    total, derivative = torch.ones_like(c), torch.zeros_like(c)
    for l in range(1, TERMS):
        weight = (2 * l + 1) * torch.exp(-l * (l + 1) / 2 * time)
        total = total + weight * now
        derivative = derivative + weight * slope
        slope_before, slope = slope, slope_before + (2 * l + 1) * now
        before, now = now, ((2 * l + 1) * c * now - l * before) / (l + 1)
    far = total < 1e-7  # cancelled: the expansion stands
    series = torch.where(far, log_p[long], torch.log(total.clamp_min(1e-7) / (4 * math.pi)))
    log_p[long] = series
    pull[long] = torch.where(far, pull[long], derivative / total.clamp_min(1e-7) * sine[long] / safe[long])
    return log_p, pull


def tangent(x, v):
    return v - (x * v).sum(-1, keepdim=True) * x


def exp(x, v):
    length = v.norm(dim=-1, keepdim=True)
    y = length.cos() * x + torch.special.sinc(length / math.pi) * v
    return y / y.norm(dim=-1, keepdim=True)


def distance(x, y):
    return 2 * torch.atan2((y - x).norm(dim=-1), (y + x).norm(dim=-1))


def exact_draws(x, tau):
    result = torch.empty_like(x)
    todo = torch.arange(len(x))
    log_most = kernel(torch.zeros_like(tau), tau)[0]
    while len(todo):
        here, time = x[todo], tau[todo]
        noise = torch.randn_like(here)
        step = time.sqrt()[:, None] * tangent(here, noise)
        uniform = time > 2
        candidate = torch.where(uniform[:, None], noise / noise.norm(dim=-1, keepdim=True), exp(here, step))
        r = torch.where(uniform, distance(here, candidate), step.norm(dim=-1))
        log_ratio = kernel(r.clamp_max(math.pi - 1e-4), time)[0] - log_most[todo]
        gaussian = r.square() / (2 * time) + torch.log(torch.special.sinc(r / math.pi).clamp_min(1e-30))
        log_ratio = log_ratio + torch.where(uniform, torch.zeros_like(r), gaussian)
        taken = (torch.rand_like(r).log() < log_ratio) & (r < math.pi)
        result[todo[taken]] = candidate[taken]
        todo = todo[~taken]
    return result


def walk_draws(x, tau, steps=100):
    deviation = (tau / steps).sqrt()[:, None]
    for _ in range(steps):
        x = exp(x, deviation * tangent(x, torch.randn_like(x)))
    return x


class Network(nn.Module):
    def __init__(self, network, frequencies):
        super().__init__()
        width = network["width"]
        self.frequencies = frequencies
        low, high = network["time_frequencies"]
        self.time = torch.linspace(math.log(low), math.log(high), network["time_pairs"]).exp()
        self.input = nn.Linear(3 * (1 + 2 * len(frequencies)) + 2 * network["time_pairs"], width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(network["depth"]))
        self.output = nn.Linear(width, 3)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x, sigma, time):
        inputs = [x]
        for f in self.frequencies:
            left = torch.exp(-0.5 * (f * sigma).square())[:, None]
            inputs += [left * torch.sin(f * x), left * torch.cos(f * x)]
        angles = time[:, None] * self.time
        h = self.input(torch.cat([*inputs, angles.sin(), angles.cos()], 1))
        for layer in self.layers:
            h = h + functional.silu(layer(h))
        return self.output(functional.silu(h))


class Training:
    def __init__(self, configuration, rows, draws):
        self.trainer, self.settings = configuration["trainer"], configuration["training"]
        self.rows, self.draws = rows, draws
        self.network = Network(configuration["network"], self.trainer["frequencies"])
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, betas=(0.9, self.settings["beta2"]), weight_decay=0, fused=True)
        self.averages = [[p.detach().clone() for p in self.parameters] for _ in self.settings["ema"]]
        self.number = 0

    def times(self, rows):
        first, last = (2 * math.log(self.trainer[key]) for key in ("sigma_min", "sigma_max"))
        t = (torch.arange(rows, dtype=torch.float64) + torch.rand(rows, dtype=torch.float64)) / rows
        return torch.exp(first + (last - first) * t)

    def loss(self):
        rows = self.settings["global_batch"]
        x0 = self.rows[torch.randint(len(self.rows), (rows,))]
        tau = self.times(rows)
        with torch.no_grad():
            x = self.draws(x0, tau)
            r = distance(x, x0)
            toward = tangent(x, x0)
            target = kernel(r, tau)[1][:, None] * toward / torch.special.sinc(r / math.pi).clamp_min(1e-6)[:, None]
        variance = -torch.expm1(-tau)
        sigma = tau.sqrt()
        noise = self.network(x.float(), sigma.float(), (0.5 * tau.log()).float()).double()
        score = tangent(x, noise) / variance.sqrt()[:, None]
        return (variance * (score - target).square().sum(1) / 2).mean()

    def step(self):
        settings = self.settings
        rate = settings["learning_rate"] * min(1, (self.number + 1) / settings["warmup_steps"])
        rate /= math.sqrt(max(self.number / settings["decay_start"], 1))
        self.number += 1
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, settings["gradient_clip"])
        self.optimizer.step()
        with torch.no_grad():
            for average, gamma in zip(self.averages, (6.94, 16.97)):
                torch._foreach_lerp_(average, self.parameters, 1 - (1 - 1 / self.number) ** (gamma + 1))
        return loss.detach()


def clock_error(draws):
    """By how many standard errors the mean of cos r/exp(-tau) is off one."""
    tau = torch.rand(20000, dtype=torch.float64) * 1.5 + 0.01
    x = functional.normalize(torch.randn(len(tau), 3, dtype=torch.float64), dim=1)
    ratio = (draws(x, tau) * x).sum(1) * tau.exp()
    return ((ratio.mean() - 1) / (ratio.std() / len(ratio) ** 0.5)).item()


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with open(sys.argv[1], encoding="utf8") as file:
        configuration = json.load(file)
    with open(sys.argv[2], "rb") as file:
        rows = functional.normalize(torch.frombuffer(bytearray(file.read()), dtype=torch.float32).view(-1, 3).double(), dim=1)
    draws = {"exact": exact_draws, "walk": walk_draws}[sys.argv[3]]
    training = Training(configuration, rows, draws)
    print(clock_error(draws), flush=True)
    for line in sys.stdin:
        if int(line) == 0:
            break
        begun = time.process_time()
        losses = [training.step() for _ in range(int(line))]
        seconds = time.process_time() - begun
        print(seconds, torch.stack(losses).mean().item(), flush=True)


if __name__ == "__main__":
    main()
