"""Runs a *_reference.py again and compares what it writes with the file that is kept beside it.

Run: python3 tests/check_reference.py tests/plugins/twin/network_reference.py torch 1.13
Exits with 77 (skipped) where that version of that Python module is not installed: others may do otherwise, and draw other
random numbers.
"""
import importlib
import json
import math
import pathlib
import subprocess
import sys
import tempfile

script, name, version = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
try:
    module = importlib.import_module(name)
except ImportError:
    module = None
if module is None or not module.__version__.startswith(version):
    print(f"skipped: the Python module {name} {version} is not installed")
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


with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "made.json"
    subprocess.run([sys.executable, script, output], check=True)
    compare(json.loads(script.with_suffix(".json").read_text()), json.loads(output.read_text()), script.stem)
print(f"the kept file is what {name} makes")
