"""Writes losses_reference.json: what PyTorch makes of the distances, losses, optimisers and schedules of plugins/twin.

    python3 losses_reference.py [OUTPUT]

Everything in f64, from numbers with few digits, so that the file is small and reads back exactly. Where PyTorch's formula
differs from ours by design (Adam's epsilon, decoupled decay in SGD), ours is stated again here, plainly.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

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


def all_pairs(d, pairs, classes, scale):
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
            losses.append(torch.stack([F.cross_entropy(logits, torch.tensor([k])) for k in positives]).mean())
    return torch.stack(losses).mean()


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
        return ((1 - y) * d**2 / 2 + y * F.relu(margin - d) ** 2 / 2).mean()

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
        case('type = "bce"', batch, logits, lambda d, p, y: F.binary_cross_entropy_with_logits(d, y))
        case('type = "contrastive"\nmargin = 1.25', batch, numbers(count).abs(),
             lambda d, p, y: contrastive(d, y, 1.25))
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

    def keras_adam(b1, b2, eps, decay, toml):
        w, m, v = start.numpy().copy(), np.zeros(9), np.zeros(9)
        for t, gradient in enumerate(gradients):
            g = gradient.numpy()
            w -= rate * decay * w
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g * g
            alpha = rate * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
            w -= alpha * m / (np.sqrt(v) + eps)
        cases.append({"toml": toml, "weights": plain(torch.tensor(w))})

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
    keras_adam(0.9, 0.999, 1e-7, 0.0, common + 'type = "adam"')
    keras_adam(0.9, 0.999, 0.03, 0.0, common + 'type = "adam"\nepsilon = 0.03')
    keras_adam(0.85, 0.99, 0.01, 0.05,
               common + 'type = "adamw"\nepsilon = 0.01\nbeta_1 = 0.85\nbeta_2 = 0.99\nweight_decay = 0.05')
    return {"start": plain(start), "rate": rate, "gradients": [plain(g) for g in gradients], "cases": cases}


def schedules():
    total = 40
    cases = []

    def run(make, toml):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
        schedule, factors = make(optimizer), []
        for _ in range(total + 1):
            factors.append(float(f"{schedule.get_last_lr()[0]:.12g}"))
            optimizer.step()
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
    return {"total": total, "cases": cases}


made = {"torch": torch.__version__, "distances": distances(), "losses": losses(), "optimizers": optimizers(),
        "schedules": schedules()}
path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_suffix(".json")
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in made.items()) + "\n}\n")
