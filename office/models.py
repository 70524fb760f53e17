from django.db import models
from django.utils.translation import gettext_lazy as _

from kit.ids import AsciiField


class Tries(models.Model):
    """How often somebody has tried to log in within a span of time (tries.py): by one name from one
    address, from one address, or by one name from addresses that its owner never came from."""

    class Kind(models.TextChoices):
        PAIR = "pair", _("one name from one address")
        ADDRESS = "address", _("one address")
        NAME = "name", _("one name, strangers' addresses")

    key = AsciiField(max_length=80, unique=True, editable=False)
    kind = AsciiField(_("kind"), max_length=8, choices=Kind.choices)
    username = models.CharField(_("name given"), max_length=150, blank=True, db_index=True)
    address = AsciiField(_("address"), max_length=43, blank=True, db_index=True)
    used = models.PositiveIntegerField(_("tries"), default=0)
    until = models.DateTimeField(_("counted until"), db_index=True)
    is_locked = models.BooleanField(_("locked"), default=False, db_index=True)
    # When the name's owner came in from there, or who manages accounts said that he is there.
    known_at = models.DateTimeField(_("known since"), null=True)

    class Meta:
        verbose_name = _("log-in tries")
        verbose_name_plural = _("log-in tries")

    def __str__(self) -> str:
        return " @ ".join(filter(None, (self.username, self.address)))
