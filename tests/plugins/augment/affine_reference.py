"""Writes affine_reference.json: what keras-preprocessing 1.1 makes of fixed parameters.

    python3 affine_reference.py [OUTPUT]

Debian's python3-keras-preprocessing, through ImageDataGenerator.apply_transform in f64. Images are 8-bit pixels / 255, rows of
channels as TwinFlow has them. Shifts are in pixels. Places half-way between pixels, or on the edge where a fill begins, are
avoided: what lies there depends on the last bit.
"""

import json
import pathlib
import sys

import numpy as np
from keras_preprocessing.image import ImageDataGenerator

rng = np.random.default_rng(20200514)
IMAGES = {"grey": rng.integers(0, 256, (1, 7, 8)), "tall": rng.integers(0, 256, (1, 8, 5)),
          "colour": rng.integers(0, 256, (3, 6, 6))}
ALL = {"theta": 25.0, "tx": 1.3, "ty": -2.2, "shear": 12.0, "zx": 0.8, "zy": 1.4}
CHANGES = [{}, {"theta": 33.0}, {"theta": -140.0}, {"tx": 2.3}, {"ty": -3.4}, {"shear": 21.0}, {"zx": 0.7}, {"zy": 1.6},
           ALL, {**ALL, "flip_horizontal": True}, {**ALL, "zy": 0.8, "flip_vertical": True, "channel_shift_intensity": 0.2},
           {"channel_shift_intensity": -0.3}, {"tx": 19.3, "ty": -23.4}]


def case(image, change, fill, interpolation):
    generator = ImageDataGenerator(fill_mode=fill, cval=0.3, data_format="channels_first",
                                   interpolation_order={"nearest": 0, "bilinear": 1}[interpolation], dtype="float64")
    made = generator.apply_transform(IMAGES[image] / 255.0, change)
    return {"image": image, "change": change, "fill": fill, "interpolation": interpolation,
            "made": [float(f"{value:.5f}") for value in made.flatten()]}


cases = []
for fill in ("nearest", "constant", "reflect", "wrap"):
    cases += [case("grey", change, fill, "bilinear") for change in CHANGES]
    cases += [case(image, change, fill, "bilinear") for image in ("tall", "colour") for change in CHANGES[8:11]]
    cases += [case("grey", change, fill, "nearest") for change in CHANGES[8:11]]

output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_suffix(".json")
images = {name: {"shape": image.shape, "pixels": image.flatten().tolist()} for name, image in IMAGES.items()}
lines = ",\n".join(json.dumps(one) for one in cases)
output.write_text(f'{{"images": {json.dumps(images)},\n"cases": [\n{lines}\n]}}\n')
