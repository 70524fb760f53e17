"""Traces, where the settings say so: nothing loads them, or their SDK, while they are off."""

from importlib import import_module
from types import ModuleType

from django.conf import settings


def begin() -> ModuleType | None:
    """For this process; what gives each request a span (kit/traces.py), or None."""
    if not settings.REDPACKET_TRACES_TO:
        return None
    traces = import_module("kit.traces")
    traces.begin(settings.REDPACKET_TRACES_TO)
    return traces
