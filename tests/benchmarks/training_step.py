"""Times PyTorch's training step beside TwinFlow's, one after the other, on the same networks, with the same number of threads.

Run: python3 tests/benchmarks/training_step.py PATH/TO/training_step [--networks conv4 residual koch2015] [--steps 5]
Each network in f32 and bf16 (weights f32, autocast), PyTorch in both of its layouts; the ratio is to the better one.
"""
import argparse
import re
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--networks", nargs="+", default=["conv4", "residual", "koch2015"])
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
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


def pytorch(name, precision, layout):
    """Images (koch2015: pairs) a second of the median step."""
    make, count, size = NETWORKS[name]
    pairs = name == "koch2015"
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


def twinflow(name, precision):
    _, count, size = NETWORKS[name]
    said = subprocess.run([options.program, "--network", name, "--precision", precision, "--images", str(count),
                           "--size", str(size), "--steps", str(options.steps), "--threads", str(options.threads)],
                          check=True, capture_output=True, text=True).stdout
    return float(re.search(r": ([0-9.]+) \w+/s median", said)[1]), said.strip()


for name in options.networks:
    for precision in ("f32", "bf16"):
        layouts = [pytorch(name, precision, layout) for layout in (torch.contiguous_format, torch.channels_last)]
        ours, said = twinflow(name, precision)
        print(f"{said}\n  PyTorch {torch.__version__}: {layouts[0]:.1f} contiguous, {layouts[1]:.1f} channels_last; "
              f"TwinFlow is {ours / max(layouts):.2f} times as fast as the better", flush=True)
