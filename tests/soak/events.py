"""All events of the soak test, by name."""

import events_disk  # noqa: F401
import events_folder  # noqa: F401
import events_process  # noqa: F401
from event import EVENTS

__all__ = ["EVENTS"]
