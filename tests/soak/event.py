"""The register of events."""

from typing import Callable

EVENTS: dict[str, Callable] = {}
PENDING: set[str] = set()  # events that the program does not pass yet: they happen only when asked for


def event(function: Callable) -> Callable:
    """Registers an event under its function's name; its docstring says what happens."""
    EVENTS[function.__name__.replace("_", "-")] = function
    return function


def pending(function: Callable) -> Callable:
    """Above @event: this one is left out unless it is asked for."""
    PENDING.add(function.__name__.replace("_", "-"))
    return function
