"""What a password must be, in words that are translated; and hashing one, which costs a good part
of a second by design: at most so many at once, wherever one is checked, made up (for a user who
does not exist) or set."""

from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _

from kit.bulkhead import Bulkhead

seats = Bulkhead("passwords", "REDPACKET_PASSWORDS_AT_ONCE")


class Bounded(BasePasswordHasher):
    """Before a hasher among the bases. Raises Full (503)."""

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        with seats.seat():
            return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        with seats.seat():
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
