"""Who of the staff it was, in a row."""

from typing import Any

from django.conf import settings
from django.db import models


def staff(name: Any, **kwargs: Any) -> Any:
    """A column for one of the staff, who cannot be deleted while it names him."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=name, **kwargs
    )
