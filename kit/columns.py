"""Columns and constraints that several tables have."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


def staff(name: Any, **kwargs: Any) -> Any:
    """Who of the staff it was; nobody can be deleted while a row names him."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=name, **kwargs
    )


def one_of(choices: Any, name: Any, **kwargs: Any) -> Any:
    """One of a few numbered words, such as a state."""
    return models.PositiveSmallIntegerField(name, choices=choices.choices, **kwargs)


def decided(undecided: tuple, name: str) -> models.CheckConstraint:
    """Under four eyes: what somebody has decided about has a checker, and nothing else has."""
    return models.CheckConstraint(
        condition=Q(status__in=undecided, checker=None)
        | ~Q(status__in=undecided) & Q(checker__isnull=False),
        name=name,
    )
