"""Keras' optimisers where PyTorch's differ from them, stated again plainly as PyTorch optimisers, in f64.

What differs is where epsilon stands, decay of the weights that is decoupled in every optimiser, and Nadam, whose product of
momenta PyTorch 1.13 gets wrong. Epsilons are given, not defaults, so that tests can make them matter.
"""
import math

import torch


class Keras(torch.optim.Optimizer):
    """change(g, t, memory, rate) is what an update takes from the weights; memory(name) an array that starts at 0."""

    def __init__(self, params, rate, change, decay=0.0):
        super().__init__(params, {"lr": rate, "decay": decay, "t": 0})
        self.change = change

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            rate = group["lr"]
            for w in group["params"]:
                memory = lambda name: self.state[w].setdefault(name, torch.zeros_like(w))
                w *= 1 - rate * group["decay"]
                w -= self.change(w.grad, group["t"], memory, rate)
            group["t"] += 1


def mean(array, rho, new):
    return array.mul_(rho).add_(new, alpha=1 - rho)


def adam(b1, b2, eps, largest=False):
    def change(g, t, memory, rate):
        m, v = mean(memory("m"), b1, g), mean(memory("v"), b2, g * g)
        if largest:
            v = memory("largest").copy_(torch.maximum(memory("largest"), v))
        return rate * math.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1)) * m / (v.sqrt() + eps)
    return change


def adamax(b1, b2, eps):
    def change(g, t, memory, rate):
        m, u = mean(memory("m"), b1, g), memory("u")
        u.copy_(torch.maximum(b2 * u, g.abs()))
        return rate / (1 - b1 ** (t + 1)) * m / (u + eps)
    return change


def nadam(b1, b2, eps):  # PyTorch 1.13 counts mu(t) twice in the product up to t + 1
    def mu(k):
        return b1 * (1 - 0.5 * 0.96 ** (0.004 * k))

    def change(g, t, memory, rate):
        m, v = mean(memory("m"), b1, g), mean(memory("v"), b2, g * g)
        product = math.prod(mu(k) for k in range(1, t + 2))
        ahead = mu(t + 2) * m / (1 - product * mu(t + 2)) + (1 - mu(t + 1)) * g / (1 - product)
        return rate * ahead / (torch.sqrt(v / (1 - b2 ** (t + 1))) + eps)
    return change


def rmsprop(rho, eps, momentum=0.0, centered=False):
    def change(g, t, memory, rate):
        v, b = mean(memory("v"), rho, g * g), memory("b")
        if centered:
            v = v - mean(memory("c"), rho, g) ** 2
        return b.mul_(momentum).add_(rate * g / torch.sqrt(v + eps))
    return change


def adagrad(initial, eps):
    def change(g, t, memory, rate):
        s = memory("s").add_(g * g)
        return rate * g / torch.sqrt(initial + s + eps)
    return change
