"""Writes losses_reference.json: what PyTorch makes of the distances, losses, optimisers and schedules of plugins/twin.

    python3 losses_reference.py [OUTPUT]

Everything in f64, from numbers with few digits, so that the file is small and reads back exactly. Where PyTorch's formula
differs from ours by design (Adam's epsilon, decoupled decay in SGD), ours is stated again here or in keras_optimizers.py.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

import keras_optimizers as keras

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(20150710)


def numbers(*shape, scale=1.0):
    return torch.tensor(np.round(scale * rng.standard_normal(shape), 3))


def plain(tensor):
    return [float(f"{x:.12g}") for x in tensor.detach().flatten().tolist()]


def distances():
    count, size = 6, 70  # a full block of 64 columns and a rest; four full rows of 16 lanes and a rest
    values, weights = numbers(count, size), numbers(size + 1)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    upstream = numbers(len(pairs))
    left, right = [p[0] for p in pairs], [p[1] for p in pairs]
    kinds = {
        "cosine": lambda e, w: 1 - F.cosine_similarity(e[left], e[right]),
        "l1": lambda e, w: F.pairwise_distance(e[left], e[right], p=1, eps=0),
        "l2": lambda e, w: F.pairwise_distance(e[left], e[right], p=2, eps=0),
        "squared_l2": lambda e, w: F.mse_loss(e[left], e[right], reduction="none").sum(1),
        "weighted_l2": lambda e, w: F.linear((e[left] - e[right]) ** 2, w[None, :-1], w[-1:])[:, 0],
        "weighted_l1": lambda e, w: F.linear((e[left] - e[right]).abs(), w[None, :-1], w[-1:])[:, 0],
    }
    made = {"count": count, "size": size, "values": plain(values), "weights": plain(weights),
            "pairs": pairs, "upstream": plain(upstream), "kinds": {}}
    for name, function in kinds.items():
        e, w = values.clone().requires_grad_(), weights.clone().requires_grad_()
        d = function(e, w)
        d.backward(upstream)
        made["kinds"][name] = {"d": plain(d), "gradient_e": plain(e.grad),
                               "gradient_weights": plain(w.grad) if w.grad is not None else []}
    return made


def all_pairs(d, pairs, classes, scale, smoothing=0.0):
    """One cross_entropy call per anchor and positive, on the anchor's row without itself."""
    count = len(classes)
    row = [[None] * count for _ in range(count)]
    for p, (a, b) in enumerate(pairs):
        row[a][b] = row[b][a] = -scale * d[p]
    losses = []
    for i in range(count):
        others = [j for j in range(count) if j != i]
        logits = torch.stack([row[i][j] for j in others])[None]
        positives = [k for k, j in enumerate(others) if classes[j] == classes[i]]
        if positives:
            each = [F.cross_entropy(logits, torch.tensor([k]), label_smoothing=smoothing) for k in positives]
            losses.append(torch.stack(each).mean())
    return torch.stack(losses).mean()


def triplet(d, pairs, classes, margin, mining):
    """Every hinge by PyTorch, every choice by a plain search."""
    count = len(classes)
    at = {frozenset(pair): p for p, pair in enumerate(pairs)}
    far = lambda p: d[p].item()
    hinges = []
    for a in range(count):
        own = [at[frozenset((a, j))] for j in range(count) if j != a and classes[j] == classes[a]]
        others = [at[frozenset((a, j))] for j in range(count) if classes[j] != classes[a]]
        if mining == "hard":
            own = own and [max(own, key=far)]
        for p in own:
            farther = [n for n in others if d[n] > d[p]]
            if mining == "semi_hard":
                chosen = [min(farther, key=far)] if farther else [max(others, key=far)]
            else:
                chosen = others if mining == "all" else [min(others, key=far)]
            hinges += [F.margin_ranking_loss(d[n], d[p], torch.tensor(1.0), margin=margin) for n in chosen]
    hinges = torch.stack(hinges)
    return hinges[hinges > 0].mean() if mining == "all" else hinges.mean()


def pair_weights(d, y, same=1.0, different=1.0, balance=False, hardest_same=1.0, hardest_different=1.0):
    w = torch.zeros(len(y))
    for kind, weight, part, hardest_first in ((0.0, same, hardest_same, d), (1.0, different, hardest_different, -d)):
        members = torch.nonzero(y == kind)[:, 0]
        members = members[torch.argsort(-hardest_first[members])][:math.ceil(part * len(members))]
        w[members] = weight / len(members) if balance else weight
    return w / w.sum()


def losses():
    classes = [0, 1, 2, 0, 1, 0, 7]  # three of one class, two of another, two alone
    class_pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    same = [1, 0, 0, 1, 0]
    pair_pairs = [(i, 5 + i) for i in range(5)]
    batches = {
        "classes": (class_pairs, [1.0 if classes[a] != classes[b] else 0.0 for a, b in class_pairs]),
        "pairs": (pair_pairs, [1.0 - s for s in same]),
    }

    def contrastive(d, y, margin):
        return (1 - y) * d**2 / 2 + y * F.relu(margin - d) ** 2 / 2

    def bce(d, y):
        return F.binary_cross_entropy_with_logits(d, y, reduction="none")

    cases = []

    def case(toml, batch, d, function):
        pairs, y = batches[batch]
        d = d.clone().requires_grad_()
        loss = function(d, pairs, torch.tensor(y))
        loss.backward()
        cases.append({"toml": toml, "batch": batch, "d": plain(d), "loss": loss.item(), "gradient_d": plain(d.grad)})

    distance = numbers(len(class_pairs)).abs()
    case('type = "all_pairs"', "classes", distance, lambda d, p, y: all_pairs(d, p, classes, 16.0))
    case('type = "all_pairs"\nscale = 2.5', "classes", distance, lambda d, p, y: all_pairs(d, p, classes, 2.5))
    for batch in batches:
        count = len(batches[batch][0])
        logits = numbers(count, scale=3.0)
        logits[0], logits[1] = 40.0, -40.0  # far out, where the naive form has lost every digit
        case('type = "bce"', batch, logits, lambda d, p, y: bce(d, y).mean())
        case('type = "contrastive"\nmargin = 1.25', batch, numbers(count).abs(),
             lambda d, p, y: contrastive(d, y, 1.25).mean())

    for smoothing in 0.2, 1.0:
        case(f'type = "all_pairs"\nscale = 2.5\nlabel_smoothing = {smoothing}', "classes", distance,
             lambda d, p, y: all_pairs(d, p, classes, 2.5, smoothing))
    apart = torch.tensor(0.05 + 0.13 * rng.permutation(len(class_pairs)))  # no two alike, no hinge at its kink
    for mining in "all", "semi_hard", "hard":
        for margin in 0.25, 1.5:
            case(f'type = "triplet"\nmining = "{mining}"\nmargin = {margin}', "classes", apart,
                 lambda d, p, y: triplet(d, p, classes, margin, mining))
    for batch in batches:
        d = numbers(len(batches[batch][0])).abs()
        for toml, weights in (
                ("same_weight = 3.0\ndifferent_weight = 0.5", {"same": 3.0, "different": 0.5}),
                ("different_weight = 2.0\nbalance = true", {"different": 2.0, "balance": True}),
                ("hardest_different = 0.3", {"hardest_different": 0.3}),
                ("hardest_same = 0.6\nhardest_different = 0.5\nbalance = true",
                 {"hardest_same": 0.6, "hardest_different": 0.5, "balance": True})):
            case('type = "contrastive"\n' + toml, batch, d,
                 lambda d, p, y: (pair_weights(d.detach(), y, **weights) * contrastive(d, y, 1.0)).sum())
            case('type = "bce"\nlabel_smoothing = 0.1\n' + toml, batch, d - 0.6,
                 lambda d, p, y: (pair_weights(d.detach(), y, **weights) * bce(d, y * 0.9 + 0.05)).sum())
    return {"classes": classes, "same": same, "cases": cases}


def optimizers():
    start, rate, updates = numbers(9), 0.05, 6
    gradients = [numbers(9) + 0.0005 for _ in range(updates)]  # none is 0: Adam's epsilon may then be tiny
    cases = []

    def run(make, toml, decay=0.0):
        w = torch.nn.Parameter(start.clone())
        optimizer = make([w])
        for gradient in gradients:
            w.data *= 1 - rate * decay
            w.grad = gradient.clone()
            optimizer.step()
        cases.append({"toml": toml, "weights": plain(w)})

    def restated(toml, change, decay=0.0):
        run(lambda p: keras.Keras(p, rate, change, decay), toml)

    sgd = torch.optim.SGD
    common = f"learning_rate = {rate}\n"
    run(lambda p: sgd(p, rate), common + 'type = "sgd"\nmomentum = 0.0')
    run(lambda p: sgd(p, rate, momentum=0.9), common + 'type = "sgd"')
    run(lambda p: sgd(p, rate, momentum=0.8, nesterov=True), common + 'type = "sgd"\nmomentum = 0.8\nnesterov = true')
    run(lambda p: sgd(p, rate, momentum=0.8), common + 'type = "sgd"\nmomentum = 0.8\nweight_decay = 0.1', decay=0.1)
    run(lambda p: torch.optim.Adam(p, rate, eps=1e-20), common + 'type = "adam"\nepsilon = 1e-20')
    run(lambda p: torch.optim.AdamW(p, rate, betas=(0.8, 0.95), eps=1e-20, weight_decay=0.2),
        common + 'type = "adamw"\nepsilon = 1e-20\nbeta_1 = 0.8\nbeta_2 = 0.95\nweight_decay = 0.2')
    run(lambda p: torch.optim.AdamW(p, rate, eps=1e-20), common + 'type = "adamw"\nepsilon = 1e-20')
    restated(common + 'type = "adam"', keras.adam(0.9, 0.999, 1e-7))
    restated(common + 'type = "adam"\nepsilon = 0.03', keras.adam(0.9, 0.999, 0.03))
    restated(common + 'type = "adamw"\nepsilon = 0.01\nbeta_1 = 0.85\nbeta_2 = 0.99\nweight_decay = 0.05',
             keras.adam(0.85, 0.99, 0.01), decay=0.05)
    run(lambda p: torch.optim.Adam(p, rate, betas=(0.9, 0.5), eps=1e-20, amsgrad=True),
        common + 'type = "amsgrad"\nepsilon = 1e-20\nbeta_2 = 0.5')
    restated(common + 'type = "amsgrad"\nepsilon = 0.03\nbeta_2 = 0.5\nweight_decay = 0.1',
             keras.adam(0.9, 0.5, 0.03, largest=True), decay=0.1)
    restated(common + 'type = "nadam"', keras.nadam(0.9, 0.999, 1e-7))
    restated(common + 'type = "nadam"\nepsilon = 0.03\nbeta_1 = 0.8\nbeta_2 = 0.95\nweight_decay = 0.1',
             keras.nadam(0.8, 0.95, 0.03), decay=0.1)
    run(lambda p: torch.optim.Adamax(p, rate, betas=(0.9, 0.7), eps=1e-20),
        common + 'type = "adamax"\nepsilon = 1e-20\nbeta_2 = 0.7')
    restated(common + 'type = "adamax"\nepsilon = 0.03\nbeta_2 = 0.7\nweight_decay = 0.1',
             keras.adamax(0.9, 0.7, 0.03), decay=0.1)
    for extra, options in (("", {}), ("\nmomentum = 0.7", {"momentum": 0.7}), ("\ncentered = true", {"centered": True}),
                           ("\nmomentum = 0.7\ncentered = true", {"momentum": 0.7, "centered": True})):
        run(lambda p: torch.optim.RMSprop(p, rate, alpha=0.8, eps=0.03, **options),
            common + 'type = "rmsprop"\nrho = 0.8\nepsilon = 0.03\nepsilon_inside = false' + extra)
        restated(common + 'type = "rmsprop"\nrho = 0.8\nepsilon = 0.03\nweight_decay = 0.1' + extra,
                 keras.rmsprop(0.8, 0.03, **options), decay=0.1)
    run(lambda p: torch.optim.Adagrad(p, rate, initial_accumulator_value=0.2, eps=1e-20),
        common + 'type = "adagrad"\ninitial = 0.2\nepsilon = 1e-20')
    restated(common + 'type = "adagrad"\nepsilon = 0.03\nweight_decay = 0.1', keras.adagrad(0.1, 0.03), decay=0.1)
    run(lambda p: torch.optim.Adadelta(p, rate, rho=0.95, eps=1e-7), common + 'type = "adadelta"')
    run(lambda p: torch.optim.Adadelta(p, rate, rho=0.8, eps=0.03),
        common + 'type = "adadelta"\nrho = 0.8\nepsilon = 0.03\nweight_decay = 0.1', decay=0.1)
    return {"start": plain(start), "rate": rate, "gradients": [plain(g) for g in gradients], "cases": cases}


def schedules():
    total = 40
    cases = []

    def run(make, toml, updates=total + 1):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0, momentum=0.9)
        schedule, factors = make(optimizer), []
        for _ in range(updates):
            factors.append(float(f"{schedule.get_last_lr()[0]:.12g}"))
            optimizer.step()
            if len(factors) < updates:
                schedule.step()
        cases.append({"toml": toml, "factors": factors})

    lr = torch.optim.lr_scheduler
    run(lambda o: lr.ConstantLR(o, factor=1.0), 'type = "constant"')
    run(lambda o: lr.CosineAnnealingLR(o, total, eta_min=0.05), 'type = "cosine"\nwarmup = 0.0\nfloor = 0.05')
    run(lambda o: lr.SequentialLR(o, [lr.LinearLR(o, 1 / 8, 1.0, 7), lr.CosineAnnealingLR(o, total - 8, eta_min=0.01)], [8]),
        'type = "cosine"\nwarmup = 0.2')
    run(lambda o: lr.ExponentialLR(o, 0.97), 'type = "exponential"\nrate = 0.97\nevery = 1')
    run(lambda o: lr.ExponentialLR(o, 0.5 ** (1 / 7)), 'type = "exponential"\nrate = 0.5\nevery = 7\nstaircase = false')
    run(lambda o: lr.StepLR(o, 6, 0.9), 'type = "exponential"\nrate = 0.9\nevery = 6')
    run(lambda o: lr.StepLR(o, 6, 0.9), 'type = "step"\nrate = 0.9\nevery = 6')
    run(lambda o: lr.StepLR(o, 10, 0.1), 'type = "step"\nevery = 2\nunit = "epochs"')
    run(lambda o: lr.StepLR(o, 5, 0.99), 'type = "exponential"\nevery = 1\nunit = "epochs"')
    run(lambda o: lr.MultiStepLR(o, [6, 25], 0.2),
        'type = "piecewise"\nboundaries = [6, 25]\nfactors = [1.0, 0.2, 0.04]')
    run(lambda o: lr.MultiStepLR(o, [10, 15], 0.2),
        'type = "piecewise"\nboundaries = [2, 3]\nfactors = [1.0, 0.2, 0.04]\nunit = "epochs"')
    run(lambda o: lr.PolynomialLR(o, total, power=1.0), 'type = "polynomial"\nfloor = 0.0')
    run(lambda o: lr.PolynomialLR(o, total, power=2.5), 'type = "polynomial"\nfloor = 0.0\npower = 2.5')
    run(lambda o: lr.LambdaLR(o, lambda t: 1 / (1 + 0.07 * t)), 'type = "time_decay"\ndecay = 0.07')
    restarts = lr.CosineAnnealingWarmRestarts
    run(lambda o: restarts(o, 7, eta_min=0.05), 'type = "cosine"\nwarmup = 0.0\nfloor = 0.05\nperiod = 7')
    run(lambda o: restarts(o, 5, T_mult=2, eta_min=0.05),
        'type = "cosine"\nwarmup = 0.0\nfloor = 0.05\nperiod = 1\nunit = "epochs"\nmultiplier = 2')
    run(lambda o: lr.OneCycleLR(o, 1.0, total), 'type = "one_cycle"', updates=total)
    run(lambda o: lr.OneCycleLR(o, 1.0, total, pct_start=0.42, div_factor=8.0, final_div_factor=50.0, three_phase=True),
        'type = "one_cycle"\nup = 0.42\nstart_divisor = 8.0\nend_divisor = 50.0\nthree_phases = true', updates=total)
    run(lambda o: lr.LinearLR(o, 1 / 8, 1.0, 7), 'type = "constant"\nwarmup = 0.2')
    run(lambda o: lr.ChainedScheduler([lr.LinearLR(o, 1 / 8, 1.0, 7), lr.StepLR(o, 6, 0.9)]),
        'type = "step"\nrate = 0.9\nevery = 6\nwarmup = 0.2')
    run(lambda o: lr.SequentialLR(o, [lr.LinearLR(o, 1 / 8, 1.0, 7), lr.PolynomialLR(o, total - 8, power=1.0)], [8]),
        'type = "polynomial"\nfloor = 0.0\nwarmup = 0.2')
    run(lambda o: lr.SequentialLR(o, [lr.LinearLR(o, 1 / 8, 1.0, 7), restarts(o, 7, eta_min=0.05)], [8]),
        'type = "cosine"\nfloor = 0.05\nperiod = 7\nwarmup = 0.2')
    return {"total": total, "updates_per_epoch": 5, "cases": cases}


def proxies():
    """The loss of finding each image's class by the cosine to a vector of each class, half of it, and its gradients."""
    count, size, classes, scale, margin, weight = 5, 33, 7, 6.0, 0.25, 0.5
    e, w = numbers(count, size).requires_grad_(), numbers(classes, size).requires_grad_()
    ids = [2, 0, 6, 2, 3]
    cosines = F.normalize(e) @ F.normalize(w).T
    loss = F.cross_entropy(scale * (cosines - margin * F.one_hot(torch.tensor(ids), classes)), torch.tensor(ids))
    (weight * loss).backward()
    return {"size": size, "scale": scale, "margin": margin, "weight": weight, "ids": ids, "e": plain(e), "w": plain(w),
            "loss": float(loss), "gradient_e": plain(e.grad), "gradient_w": plain(w.grad)}


made = {"torch": torch.__version__, "distances": distances(), "losses": losses(), "optimizers": optimizers(),
        "schedules": schedules(), "proxies": proxies()}
path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_suffix(".json")
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in made.items()) + "\n}\n")
