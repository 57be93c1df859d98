"""Writes training_reference.json: what PyTorch makes of several training steps of whole networks, for training_test.cpp.

Run: python3 tests/plugins/twin/training_reference.py [OUTPUT]
Everything in f64. Weights and images come from a formula, hashed(), that the test computes too, for koch2015 alone has
38.95 million weights. Of how training changed a tensor the file holds its length, its product with a hashed vector, into
which every number goes, and a few numbers. Optimisers are PyTorch's own where the formula is Keras', as ours is, and those
of keras_optimizers.py where it is not; what Adam and its kin add to their denominators is about as large as the gradients
are: were it tiny, the rounding of a gradient near 0 would be a whole step.
"""
import functools
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

import keras_optimizers as keras
from torch_network import L2, NORM, POOL, RELU, SIGMOID, Net, conv, dense, digits, residual, toml

torch.set_default_dtype(torch.float64)


@functools.lru_cache(maxsize=32)
def hashed(seed, count):
    """Numbers in [-1, 1), multiples of 2^-23: the generator SplitMix64 (Steele et al. 2014) at `seed` 2^32 + i."""
    z = (np.arange(count, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z = (z ^ z >> np.uint64(31)) >> np.uint64(40)
    return z.astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def image_of(show, noise, shape):
    """Squares of 7x7 pixels tell what it shows, and an eighth is noise; rounded to f32. Mere noise makes embeddings alike:
    then what the two of a pair add to a gradient cancels, and with it the digits that f32 has."""
    _, height, width = shape
    square = (np.arange(height) // 7)[:, None] * width + np.arange(width) // 7
    values = 0.5 + 0.375 * hashed(show, height * width)[square].astype(np.float64) \
        + 0.125 * hashed(noise, height * width).astype(np.float64).reshape(square.shape)
    return torch.tensor(values.astype(np.float32).astype(np.float64)).view(shape)


class HashedNet(Net):
    """Its weights are uniform around a number, with the deviation that Net gives them, rounded to f32 as ours are."""

    def __init__(self, layers):
        super().__init__(layers)
        self.starts = {}

    def weight(self, name, *shape, around=0.0, scale=1.0):
        if name not in self.weights:
            limit = float(f"{scale * 3 ** 0.5:.6g}")
            self.starts[name] = dict(seed=len(self.weights) + 1, around=around, limit=limit)
            self.weights[name] = self.start(name, shape).requires_grad_()
        return self.weights[name]

    def start(self, name, shape):
        start = self.starts[name]
        values = start["around"] + start["limit"] * hashed(start["seed"], math.prod(shape)).astype(np.float64)
        return torch.tensor(values.astype(np.float32).astype(np.float64)).view(shape)

    def embeddings(self, images, shard):
        shards = -(-len(images) // shard)
        return torch.cat([self.run(part, self.layers, "").flatten(1) for part in images.tensor_split(shards)])


def summary(change, seed):
    """What the file holds of how a tensor changed; `seed`: of the hashed vector."""
    change = change.detach().flatten()
    count = len(change)
    product = np.dot(change.numpy(), hashed(seed, count).astype(np.float64))
    return dict(direction=seed, length=float(f"{change.norm().item():.9g}"), product=float(f"{product:.9g}"),
                some=digits(change[[(2 * k + 1) * count // 8 for k in range(4)]], 9))


class PairBatches:
    """Pairs (i, count + i), every other one of one class; weighted_l1 and bce."""
    distance, loss = 'type = "weighted_l1"', 'type = "bce"'

    def __init__(self, pairs):
        self.same = [1 - i % 2 for i in range(pairs)]
        self.shows = list(range(pairs)) + [i if same else pairs + i for i, same in enumerate(self.same)]

    def labels(self):
        return dict(same=self.same)

    def value(self, net, e):
        left, right = e.tensor_split(2)
        w = net.weight("distance.weight", e.shape[1] + 1, scale=2 / e.shape[1] ** 0.5)
        logits = F.linear((left - right).abs(), w[None, :-1], w[-1:])[:, 0]
        return F.binary_cross_entropy_with_logits(logits, 1 - torch.tensor(self.same, dtype=torch.float64))


class ClassBatches:
    """Image i is of class i % classes; cosine and all_pairs."""
    distance, loss = 'type = "cosine"', 'type = "all_pairs"\nscale = 8.0'

    def __init__(self, count, classes):
        self.shows = [i % classes for i in range(count)]

    def labels(self):
        return dict(classes=self.shows)

    def value(self, net, e):
        e, shows = F.normalize(e), torch.tensor(self.shows)
        itself = torch.eye(len(e), dtype=torch.bool)
        logs = F.log_softmax((8 * (e @ e.T - 1)).masked_fill(itself, -torch.inf), dim=1)
        positive = (shows[:, None] == shows) & ~itself
        return -(logs.masked_fill(~positive, 0).sum(1) / positive.sum(1)).mean()


# Of every optimiser: its parameters but for the rate, and how PyTorch makes it.
def sgd(**options):
    return lambda p, rate: torch.optim.SGD(p, rate, **options)


def restated(change, decay=0.0):
    return lambda p, rate: keras.Keras(p, rate, change, decay)


OPTIMIZERS = dict(
    sgd=('type = "sgd"\nmomentum = 0.0', sgd()),
    momentum=('type = "sgd"\nmomentum = 0.8', sgd(momentum=0.8)),
    nesterov=('type = "sgd"\nmomentum = 0.8\nnesterov = true', sgd(momentum=0.8, nesterov=True)),
    adam=('type = "adam"\nepsilon = 1e-3', restated(keras.adam(0.9, 0.999, 1e-3))),
    adamw=('type = "adamw"\nepsilon = 1e-3\nbeta_2 = 0.99\nweight_decay = 0.3',
           restated(keras.adam(0.9, 0.99, 1e-3), decay=0.3)),
    amsgrad=('type = "amsgrad"\nepsilon = 1e-3\nbeta_2 = 0.5', restated(keras.adam(0.9, 0.5, 1e-3, largest=True))),
    nadam=('type = "nadam"\nepsilon = 1e-3\nbeta_2 = 0.99', restated(keras.nadam(0.9, 0.99, 1e-3))),
    adamax=('type = "adamax"\nepsilon = 1e-3\nbeta_2 = 0.8', restated(keras.adamax(0.9, 0.8, 1e-3))),
    rmsprop=('type = "rmsprop"\nrho = 0.8\nmomentum = 0.5\nepsilon = 1e-3\nepsilon_inside = false',
             lambda p, rate: torch.optim.RMSprop(p, rate, alpha=0.8, momentum=0.5, eps=1e-3)),
    adagrad=('type = "adagrad"\ninitial = 1e-5\nepsilon = 1e-20',
             lambda p, rate: torch.optim.Adagrad(p, rate, initial_accumulator_value=1e-5, eps=1e-20)),
    adadelta=('type = "adadelta"\nrho = 0.8\nepsilon = 1e-5',
              lambda p, rate: torch.optim.Adadelta(p, rate, rho=0.8, eps=1e-5)),
)


class Plan:
    """What there is besides an optimiser: nothing."""
    accumulate, clip, schedule, tunings = 1, None, 'type = "constant"', []

    def groups(self, net, rate):
        return list(net.weights.values())

    def factor(self, t, updates):
        return 1.0

    def penalty(self, net):
        return 0.0

    def scale(self, net):
        pass

    def constrain(self, net):
        pass


class WholeStep(Plan):
    """All that an update is made of: the mean over batches, penalties, a scale of gradients, clipping, the schedule, a
    layer's own rate, the optimiser with decay, a constraint."""
    accumulate, clip, schedule = 2, 4.0, 'type = "cosine"\nwarmup = 0.25\nfloor = 0.1'
    tunings = [dict(layers="0[.]conv", l2=0.02),
               dict(layers="6[.]dense", learning_rate_scale=0.5, gradient_scale=2.0, l1=1e-3, bias_l2=0.05, max_norm=1.0)]
    dense = ("6.dense.weight", "6.dense.bias")

    def groups(self, net, rate):
        return [dict(params=[w for name, w in net.weights.items() if name not in self.dense]),
                dict(params=[net.weights[name] for name in self.dense], lr=0.5 * rate)]

    def factor(self, t, updates):  # PyTorch's CosineAnnealingLR has one floor for all rates
        warm = round(0.25 * updates)
        fall = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * max(t - warm, 0) / (updates - warm)))
        return (t + 1) / warm if t < warm else fall

    def penalty(self, net):
        conv, weight, bias = (net.weights[name] for name in ("0.conv.weight", *self.dense))
        return 0.02 * (conv**2).sum() + 1e-3 * weight.abs().sum() + 0.05 * (bias**2).sum()

    def scale(self, net):
        for name in self.dense:
            net.weights[name].grad *= 2.0

    def constrain(self, net):
        weight = net.weights[self.dense[0]]
        weight.data = torch.renorm(weight.data, 2, 0, 1.0)


def trainings(name, layers, image, batches, rates, steps, plan=Plan(), preset=None):
    """One for each optimiser of `rates`. They share the first batch, from which PyTorch takes long for koch2015."""
    net, shard, running = HashedNet(layers), 16, {}

    def forward_backward(step):
        images = torch.stack([image_of(1000 + show, 2000 + 100 * step + i, image) for i, show in enumerate(batches.shows)])
        loss = batches.value(net, net.embeddings(images, shard))
        penalty = plan.penalty(net)
        ((loss + penalty) / plan.accumulate).backward()
        for layer, pairs in net.tracked.items():
            for i, (suffix, start) in enumerate(((".running_mean", 0.0), (".running_var", 1.0))):
                now = torch.stack([pair[i] for pair in pairs]).mean(0)
                running[layer + suffix] = 0.9 * running.get(layer + suffix, start) + 0.1 * now
        net.tracked.clear()
        return loss.item(), float(penalty)

    first = forward_backward(0)
    gradients, first_running = {one: w.grad for one, w in net.weights.items()}, dict(running)
    made = []
    for optimizer, rate in rates.items():
        running.update(first_running)
        for one, w in net.weights.items():
            w.data, w.grad = net.start(one, w.shape), gradients[one].clone()
        text, make = OPTIMIZERS[optimizer]
        stepper = make(plan.groups(net, rate), rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(stepper, lambda t: plan.factor(t, steps // plan.accumulate))
        told = dict(losses=[], penalties=[], norms=[], rates=[])
        for step in range(steps):
            loss, penalty = forward_backward(step) if step > 0 else first
            told["losses"].append(loss)
            if (step + 1) % plan.accumulate:
                continue
            plan.scale(net)
            told["penalties"].append(penalty)
            told["norms"].append(torch.nn.utils.clip_grad_norm_(net.weights.values(), plan.clip or torch.inf).item())
            told["rates"].append(schedule.get_last_lr()[0])
            stepper.step()
            stepper.zero_grad()
            plan.constrain(net)
            schedule.step()
        tensors = {}
        for one, w in net.weights.items():
            start = net.starts[one]
            tensors[one] = dict(start, **summary(w - net.start(one, w.shape), 500 + start["seed"]))
        for i, (one, values) in enumerate(running.items()):
            tensors[one] = summary(values - (1.0 if one.endswith("var") else 0.0), 900 + i)
        made.append(dict(
            name=f"{name}, {optimizer}", network=preset, layers=None if preset else toml(layers), image=list(image),
            shard=shard, shows=batches.shows, **batches.labels(), distance=batches.distance, loss=batches.loss,
            optimizer=f"{text}\nlearning_rate = {rate}", schedule=plan.schedule, accumulate=plan.accumulate, clip=plan.clip,
            tunings=plan.tunings, **{key: digits(torch.tensor(values), 9) for key, values in told.items()}, tensors=tensors))
        print(made[-1]["name"], *(f"{loss:.4g}" for loss in told["losses"]))
    return made


def koch(filters, units):
    def block(count, size):
        return [conv(count, size=size, padding="valid"), RELU]
    a, b, c, d = filters
    return [*block(a, 10), POOL, *block(b, 7), POOL, *block(c, 4), POOL, *block(d, 4), dense(units), SIGMOID]


RESIDUAL = [conv(16, bias=False), NORM, RELU, POOL,
            residual(conv(32, bias=False), NORM, RELU, conv(32, bias=False), NORM), POOL, dense(12), L2]
KOCH_RATES = dict(sgd=0.02, momentum=0.02, nesterov=0.02, adam=1e-3, adamw=1e-3, amsgrad=1e-3, nadam=1e-3, adamax=1e-3,
                  rmsprop=1e-3, adagrad=1e-3, adadelta=0.3)
RESIDUAL_RATES = dict(sgd=0.03, momentum=0.02, nesterov=0.02, adam=5e-3, adamw=5e-3, amsgrad=5e-3, nadam=5e-3,
                      adamax=5e-3, rmsprop=2e-3, adagrad=5e-3, adadelta=1.0)
BY_CLASS = ClassBatches(38, 13)  # shards of 13, 13 and 12
CASES = [
    *trainings("koch2015", koch((64, 128, 128, 256), 4096), (1, 105, 105), PairBatches(2),
               {name: KOCH_RATES[name] for name in ("sgd", "adam", "rmsprop")}, 2, preset='type = "koch2015"'),
    # Not below 16 filters: from 8 channels oneDNN 2.6 convolves a hundred times slower.
    *trainings("narrow koch2015", koch((16, 16, 16, 32), 64), (1, 105, 105), PairBatches(4), KOCH_RATES, 3),
    *trainings("residual", RESIDUAL, (1, 14, 14), BY_CLASS, RESIDUAL_RATES, 5),
    *trainings("residual, a whole step", RESIDUAL, (1, 14, 14), BY_CLASS, dict(adamw=0.01), 16, WholeStep()),
]
target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_suffix(".json")
target.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in CASES) + "\n]\n")
print(target, target.stat().st_size, "bytes")
