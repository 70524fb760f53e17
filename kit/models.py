from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import UniqueConstraint
from django.utils.translation import gettext_lazy as _

from kit.ids import AsciiField, OutsideIdField
from kit.lease import Leased

REST = timedelta(days=1)  # of a filling that is finished


class IdempotencyRecord(models.Model):
    """The remembered answer to one POST that moved money; written in that work's transaction."""

    caller = OutsideIdField()
    key = AsciiField(max_length=64)
    fingerprint = AsciiField(max_length=64)  # SHA-256 of method, path and body by meaning
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    # Of the request that did it, as its caller was told; support finds by it.
    request_id = AsciiField(max_length=64, blank=True, default="", db_default="", db_index=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("remembered answer"), _("remembered answers")
        constraints = [
            UniqueConstraint(fields=["caller", "key"], name="idempotency_caller_key"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class Event(models.Model):
    """News for the chat server, written in the transaction of what happened: one piece, or several
    that differ in a few words only."""

    # Rows commit out of the order of their keys; the place is given afterwards (outbox.py). Of
    # several pieces it is the last one's; the others stand right before it.
    place = models.PositiveBigIntegerField(null=True, unique=True)
    pieces = models.PositiveSmallIntegerField(db_default=1)
    type = AsciiField(max_length=32)
    data = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("event for the chat"), _("events for the chat")

    def __str__(self) -> str:
        return f"{self.type} {self.place or '-'}"


class EventPlace(models.Model):
    """One row: the last place given. Its lock puts those who give places in line."""

    last = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)


class Turn(models.Model):
    """One row a user, on which those of his requests take turns that must see each other
    (turns.py)."""

    user_id = OutsideIdField(primary_key=True)

    def __str__(self) -> str:
        return self.user_id


class Credentials(models.Model):
    """When somebody's password or second factor last changed (credentials.py)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+"
    )
    fingerprint = AsciiField(max_length=64, editable=False)  # SHA-256 of what they are
    changed_at = models.DateTimeField(_("changed at"))

    def __str__(self) -> str:
        return f"{self.user} {self.changed_at:%F}"


class Duty(Leased):
    """Something that runs by itself and has no row of its own, such as fetching certificates."""

    name = AsciiField(max_length=48, primary_key=True)

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When a task of the schedule last ended, or a worker ("clock:" and its host) last looked at
    its clock (heartbeat.py)."""

    name = AsciiField(primary_key=True, max_length=160)
    at = models.DateTimeField()  # by the database's clock
    off_s = models.IntegerField(default=0)  # how far the worker's clock is ahead of it

    def __str__(self) -> str:
        return self.name


class Filling(models.Model):
    """How far the filling of a new column is (fillings.py)."""

    name = AsciiField(primary_key=True, max_length=160)  # app.model.column
    walk = models.PositiveIntegerField(default=1)
    place = AsciiField(max_length=64, default="")  # the last key that was looked at in this walk
    found = models.PositiveBigIntegerField(default=0)  # rows that this walk found empty
    filled = models.PositiveBigIntegerField(default=0)  # in all
    moved_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)  # the end of a walk that found nothing

    def __str__(self) -> str:
        return self.name

    def is_at_rest(self, now: datetime) -> bool:
        return bool(self.finished_at and not self.place and now < self.finished_at + REST)
