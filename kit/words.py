"""Choices that the API calls by a word of their own."""

from django.db import models


class Worded(models.IntegerChoices):
    """Each is told by its name in small letters."""

    @property
    def word(self) -> str:
        """The word of api.md."""
        return self.name.lower()
