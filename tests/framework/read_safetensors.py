"""Reads a safetensors file by the format's description alone, with nothing but Python, and prints what is in it.
https://github.com/huggingface/safetensors#format"""
import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
(length,) = struct.unpack("<Q", data[:8])
header, body = data[8 : 8 + length], data[8 + length :]
assert header[:1] == b"{" and length <= 100_000_000


def no_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


tensors = json.loads(header.decode("utf-8"), object_pairs_hook=no_duplicates)
print("metadata", tensors.pop("__metadata__"))
at = 0
for name, tensor in sorted(tensors.items(), key=lambda one: one[1]["data_offsets"]):
    begin, end = tensor["data_offsets"]
    count = 1
    for size in tensor["shape"]:
        count *= size
    assert tensor["dtype"] == "F32" and begin == at and end - begin == 4 * count
    print(name, tensor["shape"], list(struct.unpack(f"<{count}f", body[begin:end])))
    at = end
assert at == len(body)
