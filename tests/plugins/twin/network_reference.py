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

from torch_network import AVERAGE, L2, LAYER_NORM, NORM, POOL, RELU, SIGMOID, TANH, Net, conv, dense, digits, residual, toml

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)


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
