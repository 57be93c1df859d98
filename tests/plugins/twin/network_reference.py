"""Writes network_reference.json: what PyTorch makes of small networks, for network_test.cpp.

Run: python3 tests/plugins/twin/network_reference.py [OUTPUT]
Each case: the layers as TOML, images, weights, the upstream gradient, and PyTorch's output and weight gradients (float64
arithmetic on values of few digits). "shard": batch normalisation takes its statistics over that many images, as TwinFlow
does; the gradients are those of the whole batch.
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
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


def case(name, layers, image, count, shard=None):
    net = Net(layers)
    images = torch.round(torch.rand(count, *image) * 1000) / 1000
    shard = shard or count
    out = torch.cat([net.run(part, layers, "").flatten(1) for part in images.split(shard)])
    upstream = torch.round(torch.randn(out.shape) * 1000) / 1000
    (out * upstream).sum().backward()
    running = {}
    for key, pairs in net.tracked.items():
        for i, (suffix, start) in enumerate(((".running_mean", 0.0), (".running_var", 1.0))):
            running[key + suffix] = digits(0.9 * start + 0.1 * torch.stack([p[i] for p in pairs]).mean(0))
    return dict(
        name=name, layers=toml(layers), image=list(image), count=count, shard=shard,
        images=digits(images, 4), output=digits(out), upstream=digits(upstream, 4),
        weights={k: dict(shape=list(v.shape), values=digits(v)) for k, v in net.weights.items()},
        gradients={k: digits(v.grad) for k, v in net.weights.items()}, running=running)


CASES = [
    case("conv", [conv(5)], (2, 6, 7), 3),
    case("conv 16 channels", [conv(16), conv(16, size=2, bias=False)], (1, 4, 5), 2),
    case("conv valid, stride", [conv(4, size=4, stride=2, padding="valid")], (3, 9, 8), 2),
    case("conv same, even kernel, stride 2", [conv(16, size=2, stride=2), conv(3, size=4)], (1, 7, 7), 2),
    case("conv relu", [conv(16), RELU, conv(4), RELU], (1, 6, 6), 3),
    case("conv relu pool", [conv(16), RELU, POOL, conv(4, size=1)], (1, 7, 7), 3),
    case("pool overlapping", [conv(3), dict(type="max_pool", size=3, stride=2)], (1, 9, 9), 2),
    case("batch_norm", [conv(4, bias=False), NORM], (1, 5, 5), 4),
    case("batch_norm relu", [conv(16, bias=False), NORM, RELU, conv(2)], (1, 5, 5), 4),
    case("batch_norm over shards", [conv(16, bias=False), NORM, RELU, POOL, L2], (1, 6, 6), 6, shard=3),
    case("dense", [dense(7)], (2, 3, 4), 5),
    case("dense in blocks", [dense(130), RELU, dense(5, bias=False)], (1, 2, 3), 3),
    case("dense after conv", [conv(16, size=3, stride=2), dense(6), SIGMOID], (1, 5, 5), 3),
    case("sigmoid", [conv(3), SIGMOID, conv(2, size=1), SIGMOID], (1, 4, 4), 2),
    case("l2_normalize", [conv(16, size=2), L2], (1, 3, 3), 3),
    case("residual, identity", [conv(16), residual(conv(16, size=2), RELU, conv(16, size=2)), conv(2, size=1)], (1, 5, 5), 2),
    case("residual, shortcut", [conv(3), residual(conv(16, stride=2), RELU, conv(16, size=2)), conv(2, size=1)], (1, 5, 5), 2),
    case("residual, inner relu last", [conv(3), residual(conv(16), RELU), L2], (1, 4, 4), 2),
    case("small conv4", [conv(16, bias=False), NORM, RELU, POOL, conv(16, size=2, bias=False), NORM, RELU, POOL, L2],
         (1, 9, 9), 4),
    case("small residual net", [conv(16, bias=False), NORM, RELU, POOL,
                                residual(conv(16, bias=False), NORM, RELU, conv(16, size=1, bias=False), NORM), POOL,
                                dense(6), L2], (1, 9, 9), 4, shard=2),
    case("small koch2015", [conv(16, size=4, padding="valid"), RELU, POOL, conv(16, size=2, padding="valid"), RELU,
                            dense(12), SIGMOID], (1, 11, 11), 4, shard=2),
    case("conv dilation", [conv(16, dilation=2), conv(3, dilation=3, padding="valid"), conv(2, dilation=2, stride=2)],
         (1, 9, 8), 2),
    case("conv groups", [conv(8), conv(6, groups=2), conv(4, size=2, groups=2, bias=False)], (2, 5, 5), 2),
    case("conv depthwise", [conv(16), RELU, conv(16, groups=16), RELU, conv(32, groups=16, stride=2), conv(3, size=1)],
         (1, 7, 7), 2),
    case("conv groups of 16", [conv(32, size=1), conv(32, size=2, groups=2, dilation=2), conv(3, size=1)], (1, 5, 4), 2),
    case("avg_pool", [conv(16), AVERAGE, conv(3, size=1), dict(type="avg_pool", size=3, stride=1)], (1, 9, 8), 3),
    case("global_avg_pool", [conv(16), RELU, dict(type="global_avg_pool"), dense(5)], (1, 6, 5), 3),
    case("global_max_pool", [conv(5), RELU, dict(type="global_max_pool")], (1, 6, 5), 3),
    case("flatten", [conv(16), dict(type="flatten"), TANH, conv(3, size=1), dict(type="flatten")], (1, 3, 4), 3),
    case("layer_norm", [conv(3), LAYER_NORM, dense(6), LAYER_NORM], (1, 5, 4), 4, shard=2),
    case("layer_norm in a blocked layout", [conv(16), LAYER_NORM, RELU, conv(16, size=1), LAYER_NORM, TANH], (1, 3, 2), 3),
    case("layer_norm first", [LAYER_NORM, dense(3)], (2, 3, 2), 3),
    case("residual, shortcut written out",
         [conv(16, bias=False), residual(conv(16, size=2, stride=2, bias=False), NORM, RELU,
                                         conv(16, size=1, bias=False), NORM,
                                         shortcut=[AVERAGE, conv(16, size=1, bias=False), NORM]), conv(2, size=1)], (1, 6, 6), 4),
    case("residual, layers that learn nothing",
         [conv(3), residual(TANH, shortcut=[conv(3, size=1)]), residual(dict(type="linear"), shortcut=[TANH])], (1, 4, 4), 2),
    *(case(f"activation {toml(one)}", [conv(16), one, conv(5, size=1), one, conv(2, size=1)], (1, 4, 4), 2) for one in (
        dict(type="leaky_relu"), dict(type="leaky_relu", alpha=0.3), dict(type="elu"), dict(type="elu", alpha=0.5),
        dict(type="selu"), dict(type="gelu"), dict(type="gelu", approximate="tanh"), dict(type="swish"), dict(type="mish"),
        dict(type="hardswish"), TANH, dict(type="softplus"), dict(type="clip"), dict(type="clip", low=-0.5, high=0.7))),
]
target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_suffix(".json")
target.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in CASES) + "\n]\n")
print(target, target.stat().st_size, "bytes")
