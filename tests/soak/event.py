"""The register of events."""

from typing import Callable

EVENTS: dict[str, Callable] = {}


def event(function: Callable) -> Callable:
    """Registers an event under its function's name; its docstring says what happens."""
    EVENTS[function.__name__.replace("_", "-")] = function
    return function
