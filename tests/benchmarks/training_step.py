"""Times PyTorch's training step beside TwinFlow's, one after the other, on the same networks, with the same number of threads,
each in a process of its own, warmed up.

Run: python3 tests/benchmarks/training_step.py BUILD/bin [--networks conv4 residual koch2015 koch2015:1] [--steps 5]
A network may name its batch: koch2015:8 is 8 pairs, conv4:16 is 16 images. Each in f32 and bf16 (weights f32, autocast), PyTorch
in both of its layouts. Prints the ratio to the better one, the peak memory of each process, and TwinFlow's step as a part of the
limit: the sum of the bare oneDNN primitives of such a step (step_limit.cpp), both by processor time, so that other programs on
the machine disturb little. The ratio to PyTorch is by the clock: let nothing else run.
"""
import argparse
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("programs", type=pathlib.Path)
parser.add_argument("--networks", nargs="+", default=["conv4", "residual", "koch2015"])
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--pytorch", nargs=3, help=argparse.SUPPRESS)  # network, precision, layout: only that, in this process
options = parser.parse_args()
torch.set_num_threads(options.threads)


class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                                   nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b))
        self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        return F.relu(self.inner(x) + self.shortcut(x))


def conv4():
    layers = []
    for channels in (1, 64, 64, 64):
        layers += [nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten())


def residual():
    pool = nn.MaxPool2d(2)
    return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), pool, Block(32, 64),
                         pool, Block(64, 128), pool, Block(128, 256), pool, nn.Flatten(), nn.Linear(256 * 9, 256))


def koch2015():
    pool = nn.MaxPool2d(2)
    return nn.Sequential(nn.Conv2d(1, 64, 10), nn.ReLU(), pool, nn.Conv2d(64, 128, 7), nn.ReLU(), pool,
                         nn.Conv2d(128, 128, 4), nn.ReLU(), pool, nn.Conv2d(128, 256, 4), nn.ReLU(), nn.Flatten(),
                         nn.Linear(9216, 4096), nn.Sigmoid())


NETWORKS = {"conv4": (conv4, 128, 52), "residual": (residual, 128, 52), "koch2015": (koch2015, 64, 105)}


def network(text):
    """Name, how it is made, images, their size, whether they are pairs."""
    name, _, batch = text.partition(":")
    make, count, size = NETWORKS[name]
    pairs = name == "koch2015"
    return name, make, int(batch) * (2 if pairs else 1) if batch else count, size, pairs


def pytorch(text, precision, layout):
    """Images (koch2015: pairs) a second of the median step."""
    name, make, count, size, pairs = network(text)
    net = make().to(memory_format=layout)
    head = nn.Linear(4096, 1)
    parameters = list(net.parameters()) + (list(head.parameters()) if pairs else [])
    optimizer = (torch.optim.Adam if pairs else torch.optim.AdamW)(parameters, lr=1e-3)
    images = torch.rand(count, 1, size, size).contiguous(memory_format=layout)
    classes = torch.arange(count) // 2
    same = (classes[:, None] == classes[None]) & ~torch.eye(count, dtype=torch.bool)
    seconds = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            e = net(images)
        e = e.float()
        if pairs:
            logits = head((e[:count // 2] - e[count // 2:]).abs()).squeeze(1)
            loss = F.binary_cross_entropy_with_logits(logits, (torch.arange(count // 2) % 2).float())
        else:
            e = F.normalize(e)
            similar = (16 * e @ e.T).masked_fill(torch.eye(count, dtype=torch.bool), -1e9)
            loss = -(F.log_softmax(similar, 1)[same]).mean()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return (count // 2 if pairs else count) / statistics.median(seconds[1:])


def run(program, text, precision, *more):
    name, _, count, size, _ = network(text)
    return subprocess.run([options.programs / program, "--network", name, "--precision", precision, "--images", str(count),
                           "--size", str(size), "--threads", str(options.threads), *more],
                          check=True, capture_output=True, text=True).stdout.strip()


def child(text, precision, layout):
    """A second's items and the peak memory in GB of PyTorch in a process of its own."""
    said = subprocess.run([sys.executable, __file__, options.programs, "--steps", str(options.steps), "--threads",
                           str(options.threads), "--pytorch", text, precision, layout],
                          check=True, capture_output=True, text=True).stdout
    return tuple(float(number) for number in said.split())


if options.pytorch:
    text, precision, layout = options.pytorch
    speed = pytorch(text, precision, getattr(torch, layout))
    print(speed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-9)
    sys.exit()
for text in options.networks:
    for precision in ("f32", "bf16"):
        theirs = [child(text, precision, layout) for layout in ("contiguous_format", "channels_last")]
        said = run("benchmark_training_step", text, precision, "--steps", str(options.steps))
        limit = float(re.search(r": ([0-9.]+) ", run("benchmark_step_limit", text, precision))[1])
        ours, ours_processor = (float(re.search(p, said)[1]) for p in (r": ([0-9.]+) \w+/s median", r"([0-9.]+) by processor"))
        better = max(speed for speed, _ in theirs)
        print(f"{text} {said}\n  PyTorch {torch.__version__}: {theirs[0][0]:.1f} contiguous, {theirs[1][0]:.1f} channels_last, "
              f"{min(memory for _, memory in theirs):.2f} GB; TwinFlow is {ours / better:.2f} times as fast as the better\n"
              f"  oneDNN's primitives alone: {limit:.1f}; TwinFlow's step is at {ours_processor / limit:.2f} of that", flush=True)
