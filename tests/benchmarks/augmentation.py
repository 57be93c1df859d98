"""Times keras-preprocessing's ImageDataGenerator beside augment.affine, in turn, one thread each, on the same images and setting.

Run: /usr/bin/python3 tests/benchmarks/augmentation.py build/bin/benchmark_augmentation [--rounds 5]
(Debian's python3-keras-preprocessing). Each figure is the best of the rounds, by processor time but for the pipeline. Goals: 25
times Keras, 0.85 times a bare loop of OpenCV's warpAffine, and 8,000 images a second for the whole pipeline.
"""
import argparse
import os
import subprocess
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import keras_preprocessing  # noqa: E402
import numpy as np  # noqa: E402
from keras_preprocessing.image import ImageDataGenerator  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()

images = (np.random.default_rng(1).integers(0, 256, (1024, 105, 105, 1)) / 255).astype("float32")
generator = ImageDataGenerator(shear_range=0.2, zoom_range=0.3, width_shift_range=0.1, height_shift_range=0.1,
                               rotation_range=30, horizontal_flip=True, fill_mode="nearest")
batches = generator.flow(images, batch_size=128, shuffle=True, seed=1)
next(batches)


def keras():
    start = time.process_time()
    count = len(next(batches))
    return count / (time.process_time() - start)


best = {}
for _ in range(options.rounds):
    said = subprocess.run([options.program, "--rounds", "2", "--threads", str(options.threads)], check=True,
                          capture_output=True, text=True).stdout
    rates = {name: float(rate) for name, rate in (line.rsplit(" ", 1) for line in said.splitlines())}
    rates["keras"] = max(keras() for _ in range(10))
    best = {name: max(rate, best.get(name, 0)) for name, rate in rates.items()}

ours = best["bytes"]
print(f"{'105x105, one thread':<58}{'images/s':>10}{'ratio':>8}  goal")
print(f"{'augment.affine, draws included, batches of 128':<58}{ours:>10.0f}")
print(f"{'the same, of images that are floats already':<58}{best['floats']:>10.0f}{ours / best['floats']:>8.2f}")
print(f"{f'keras-preprocessing {keras_preprocessing.__version__}, ImageDataGenerator.flow':<58}{best['keras']:>10.0f}"
      f"{ours / best['keras']:>8.1f}  25")
print(f"{'a bare loop of cv::warpAffine, f32':<58}{best['cv::warpAffine']:>10.0f}{ours / best['cv::warpAffine']:>8.2f}  0.85")
for sampler in ("sample.classes", "sample.pairs"):
    print(f"{f'52x52, {options.threads} threads: data.glyphs, {sampler}, augment.affine':<58}{best[sampler]:>10.0f}"
          f"{'':>8}  8000")
