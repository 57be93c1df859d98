"""A network of plugins/twin in PyTorch, from its layers as dictionaries: what the *_reference.py of networks share."""
import json

import torch
import torch.nn.functional as F

EPSILON = 1e-3


def conv(filters, size=3, stride=1, padding="same", bias=True, **more):
    return dict(type="conv", filters=filters, size=size, stride=stride, padding=padding, bias=bias, **more)


NORM, RELU, POOL = dict(type="batch_norm", momentum=0.9), dict(type="relu"), dict(type="max_pool")
SIGMOID, L2 = dict(type="sigmoid"), dict(type="l2_normalize")
TANH, AVERAGE, LAYER_NORM = dict(type="tanh"), dict(type="avg_pool"), dict(type="layer_norm")


def dense(units, bias=True):
    return dict(type="dense", units=units, bias=bias)


def residual(*layers, **more):
    return dict(type="residual", layers=list(layers), **more)


# PyTorch's functions for the activations, given the layer.
ACTIVATIONS = dict(
    relu=lambda x, layer: F.relu(x),
    leaky_relu=lambda x, layer: F.leaky_relu(x, layer.get("alpha", 0.01)),
    elu=lambda x, layer: F.elu(x, layer.get("alpha", 1.0)),
    selu=lambda x, layer: F.selu(x),
    gelu=lambda x, layer: F.gelu(x, approximate=layer.get("approximate", "none")),
    swish=lambda x, layer: F.silu(x),
    mish=lambda x, layer: F.mish(x),
    hardswish=lambda x, layer: F.hardswish(x),
    tanh=lambda x, layer: torch.tanh(x),
    sigmoid=lambda x, layer: torch.sigmoid(x),
    softplus=lambda x, layer: F.softplus(x, threshold=100),
    clip=lambda x, layer: F.hardtanh(x, layer.get("low", 0.0), layer.get("high", 6.0)),
    linear=lambda x, layer: x,
)


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


class Net:
    """Makes its weights at the first call and keeps them by name."""

    def __init__(self, layers):
        self.layers, self.weights, self.tracked = layers, {}, {}

    def weight(self, name, *shape, around=0.0, scale=1.0):
        if name not in self.weights:
            values = torch.round((around + scale * torch.randn(*shape)) * 1e4) / 1e4
            self.weights[name] = values.requires_grad_()
        return self.weights[name]

    def conv(self, x, name, filters, size, stride, padding, bias, dilation=1, groups=1):
        channels = x.shape[1] // groups
        w = self.weight(name + ".weight", filters, channels, size, size, scale=(2 / (channels * size * size)) ** 0.5)
        b = self.weight(name + ".bias", filters, scale=0.3) if bias else None
        if padding == "same":
            pads = []
            for side in (x.shape[3], x.shape[2]):
                total = max((-(-side // stride) - 1) * stride + (size - 1) * dilation + 1 - side, 0)
                pads += [total // 2, total - total // 2]
            x = F.pad(x, pads)
        return F.conv2d(x, w, b, stride, dilation=dilation, groups=groups)

    def run(self, x, layers, prefix):
        for i, layer in enumerate(layers):
            name = f"{prefix}{i}.{layer['type']}"
            kind = layer["type"]
            if kind == "conv":
                x = self.conv(x, name, **{key: one for key, one in layer.items() if key != "type"})
            elif kind == "batch_norm":
                c = x.shape[1]
                w, b = self.weight(name + ".weight", c, around=1.0, scale=0.2), self.weight(name + ".bias", c, scale=0.2)
                mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
                self.tracked.setdefault(name, []).append((mean.detach(), var.detach()))
                view = lambda v: v.view(1, -1, 1, 1)
                x = (x - view(mean)) / torch.sqrt(view(var) + EPSILON) * view(w) + view(b)
            elif kind in ACTIVATIONS:
                x = ACTIVATIONS[kind](x, layer)
            elif kind == "max_pool":
                x = F.max_pool2d(x, layer.get("size", 2), layer.get("stride", layer.get("size", 2)))
            elif kind == "avg_pool":
                x = F.avg_pool2d(x, layer.get("size", 2), layer.get("stride", layer.get("size", 2)))
            elif kind == "global_max_pool":
                x = F.adaptive_max_pool2d(x, 1)
            elif kind == "global_avg_pool":
                x = F.adaptive_avg_pool2d(x, 1)
            elif kind == "flatten":
                x = x.flatten(1)[:, :, None, None]
            elif kind == "layer_norm":
                w = self.weight(name + ".weight", *x.shape[1:], around=1.0, scale=0.2)
                b = self.weight(name + ".bias", *x.shape[1:], scale=0.2)
                x = F.layer_norm(x, x.shape[1:], w, b)
            elif kind == "dense":
                x = x.flatten(1)
                w = self.weight(name + ".weight", layer["units"], x.shape[1], scale=x.shape[1] ** -0.5)
                b = self.weight(name + ".bias", layer["units"], scale=0.3) if layer["bias"] else None
                x = F.linear(x, w, b)[:, :, None, None]
            elif kind == "l2_normalize":
                x = F.normalize(x.flatten(1))[:, :, None, None]
            elif kind == "residual":
                inner = self.run(x, layer["layers"], name + ".")
                skip = self.run(x, layer["shortcut"], name + ".shortcut.") if "shortcut" in layer else x
                if "shortcut" not in layer and inner.shape[1:] != x.shape[1:]:
                    stride = -(-x.shape[2] // inner.shape[2])
                    skip = self.conv(x, name + ".shortcut", inner.shape[1], 1, stride, "same", True)
                x = F.relu(inner + skip)
        return x


def digits(tensor, count=6):
    return [float(f"{v:.{count}g}") for v in tensor.detach().flatten().tolist()]
