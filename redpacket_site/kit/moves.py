"""move(): a change of state as one conditional UPDATE (docs/locks.md)."""

from django.db import models


def move(queryset: models.QuerySet, **changes) -> bool:
    """Change the one row that the queryset's conditions still hold for; whoever changed it has won.

    Races: the conditions are the UPDATE's own WHERE, so two movers cannot both get True. At least
           one changed column must stand in the conditions: Django counts matched rows.
    """
    return queryset.update(**changes) == 1
