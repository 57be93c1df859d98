"""Values as TOML writes them, times, and numbers for people."""

from __future__ import annotations

import json
import math
import re
from typing import Any

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def to_toml(value: Any) -> str:
    """On one line, as `flowrun --set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(to_toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {to_toml(one)}" for key, one in value.items()) + " }"
    raise TypeError(f"{value!r} is a date or a time")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else to_toml(key)


def seconds_of(text: str) -> float | None:
    """ "1h30m", as flowrun's --max-time; None when it is something else."""
    if not re.fullmatch(r"(\d+d)?(\d+h)?(\d+m)?(\d+s)?", text):
        return None
    return float(sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", text))) or None


def clock(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


def limits(metric: str) -> tuple[float, float]:
    """What no value of the metric goes beyond."""
    return (0.0, 1.0) if _is_fraction(metric) else (-math.inf, math.inf)


def better_direction(metric: str) -> str | None:
    """Of metrics that have only one; the nodes of flowrun call them so."""
    name = metric.rpartition(".")[2]
    if name.endswith("accuracy") or name == "auc":
        return "maximize"
    return "minimize" if name.endswith("loss") or name == "eer" else None


def _is_fraction(metric: str) -> bool:
    name = metric.rpartition(".")[2]
    return name.endswith(("accuracy", "_accept_rate")) or name in ("auc", "eer")


def shown(value: float | None, metric: str) -> str:
    """Accuracies in percent, as flowrun shows them."""
    if value is None or math.isnan(value):
        return "-"
    return f"{100 * value:.2f} %" if metric.endswith("accuracy") else f"{value:.6g}"
