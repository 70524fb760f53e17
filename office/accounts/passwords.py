"""What a password must be, in words that are translated; and hashing one, which costs a good part
of a second by design: at most so many at once on this machine, wherever a request checks one, makes
one up (for a user who does not exist) or sets it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _

from kit import outside
from kit.bulkhead import OfTheMachine

# A hash for each process would take every core from those who only want to see a page.
seats = OfTheMachine("passwords", "REDPACKET_PASSWORDS_AT_ONCE")


def _seat() -> AbstractContextManager:
    """A command has nobody behind it who would wait."""
    return seats.seat() if outside.somebody_waits() else nullcontext()


class Bounded(BasePasswordHasher):
    """Before a hasher among the bases. Raises Full (503)."""

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        with _seat():
            return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        with _seat():
            return super().verify(*args, **kwargs)


class Hasher(Bounded, PBKDF2PasswordHasher):
    """Django's own, under its own name: what was kept before is read."""


class LongEnough(MinimumLengthValidator):
    def get_error_message(self):
        return _("This password is too short: %(least)d characters at least.") % self._told()

    def get_help_text(self):
        return _("At least %(least)d characters.") % self._told()

    def _told(self) -> dict:
        return {"least": self.min_length}
