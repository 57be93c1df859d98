"""Runs a *_reference.py again and compares what it writes with the file that is kept beside it.

Run: python3 tests/plugins/twin/check_reference.py tests/plugins/twin/network_reference.py
Exits with 77 (skipped) where PyTorch 1.13 is not installed: other versions may draw other random numbers.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    torch = None
if torch is None or not torch.__version__.startswith("1.13"):
    print("skipped: PyTorch 1.13 (Debian's python3-torch) is not installed")
    sys.exit(77)


def compare(kept, made, where):
    if isinstance(kept, dict):
        assert isinstance(made, dict) and kept.keys() == made.keys(), where
        for key in kept:
            compare(kept[key], made[key], f"{where}.{key}")
    elif isinstance(kept, list):
        assert isinstance(made, list) and len(kept) == len(made), where
        for i, (a, b) in enumerate(zip(kept, made)):
            compare(a, b, f"{where}[{i}]")
    elif isinstance(kept, float):
        assert math.isclose(kept, made, rel_tol=1e-6, abs_tol=1e-9), f"{where}: kept {kept}, made {made}"
    else:
        assert kept == made, f"{where}: kept {kept}, made {made}"


script = pathlib.Path(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "made.json"
    subprocess.run([sys.executable, script, output], check=True)
    compare(json.loads(script.with_suffix(".json").read_text()), json.loads(output.read_text()), script.stem)
print("the kept file is what PyTorch makes")
