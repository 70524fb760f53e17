"""A setting for less, where a crowd asks: Django's proxy takes five times as long (0.29 us, 0.06).

Django's settings keep what they were asked for in their own dictionary, and drop what is changed;
looked up there, what a test overrides is seen at once.
"""

from typing import Any

from django.conf import settings

_known = vars(settings)


def setting(name: str) -> Any:
    try:
        return _known[name]
    except KeyError:
        return getattr(settings, name)
