"""What tests in Python compare of two runs: what two with the same bits have alike."""

import json
import struct
from pathlib import Path

TIMES = ("seconds", "images_per_second", "waiting", "waiting_for_ranks", "messages",  # what an epoch took is no result,
         "megabytes_sent")  # nor with whom it was made


def tensors(file: Path) -> dict[str, bytes]:
    """Of a safetensors file, without its metadata, which tell who made it, and when."""
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    return {name: body[slice(*one["data_offsets"])] for name, one in header.items() if name != "__metadata__"}


def lines_of(run: Path) -> list[dict]:
    """What was reported until now; nothing while a line is being written."""
    try:
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    except (FileNotFoundError, json.JSONDecodeError):
        return []


def metrics(run: Path) -> list[tuple[str, dict]]:
    """Each report as "NODE, epoch E, step S" and what it says, without times; sorted, for nodes that do not wait for each
    other report in any order."""
    return sorted(((f"{line['node']}, epoch {line['epoch']}, step {line['step']}",
                    {name: value for name, value in line["metrics"].items() if name not in TIMES}) for line in lines_of(run)),
                  key=lambda one: one[0])
