from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from kit.ids import AsciiField, OutsideIdField
from kit.lease import Leased
from kit.people import staff


class IdempotencyRecord(models.Model):
    """The remembered answer to one POST that moved money; written in that work's transaction."""

    caller = OutsideIdField()
    key = AsciiField(max_length=64)
    fingerprint = AsciiField(max_length=64)  # SHA-256 of method, path and body by meaning
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("remembered answer")
        verbose_name_plural = _("remembered answers")
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="idempotency_caller_key"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class Event(models.Model):
    """One piece of news for the chat server, written in the transaction of what happened."""

    # Rows commit out of the order of their keys; the place is given afterwards (outbox.py).
    place = models.PositiveBigIntegerField(null=True, unique=True)
    type = AsciiField(max_length=32)
    data = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("event for the chat")
        verbose_name_plural = _("events for the chat")

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


class StaffAction(models.Model):
    """One thing that a member of staff did, written in the transaction of what was done."""

    user = staff(_("staff"))
    action = AsciiField(_("action"), max_length=48, db_index=True)
    # On what: no foreign key, since it can be a row of any app.
    model = AsciiField(max_length=64)  # "packets.redpacket"
    key = AsciiField(max_length=96)
    subject = models.CharField(_("on"), max_length=128)  # as people call it
    reason = models.CharField(_("reason"), max_length=255)
    # What it was and became, by name: no secrets. Empty where the row itself keeps it.
    changes = models.JSONField(_("changes"), null=True)
    # The form's own token: what is sent twice is done once (proposals.py).
    once = AsciiField(max_length=32, null=True, unique=True, editable=False)
    ip = models.GenericIPAddressField(_("address"), null=True)
    created_at = models.DateTimeField(_("time"), db_index=True)
    # In which day's books, that is, with which day it is sealed; given after the commit.
    booked_on = models.DateField(null=True, editable=False)

    class Meta:
        verbose_name = _("staff action")
        verbose_name_plural = _("staff actions")
        indexes = [
            models.Index(fields=["key", "model"], name="staff_action_subject"),
            models.Index(fields=["booked_on", "id"], name="staff_action_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Credentials(models.Model):
    """When somebody's password or second factor last changed (credentials.py)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+"
    )
    fingerprint = AsciiField(max_length=64, editable=False)  # SHA-256 of what they are
    changed_at = models.DateTimeField(_("changed at"))

    def __str__(self) -> str:
        return f"{self.user} {self.changed_at:%F}"


class StaffEvent(models.Model):
    """One log-in, refusal, lock-out or log-out of staff."""

    class Kind(models.TextChoices):
        LOGIN = "login", _("logged in")
        FAILED = "failed", _("wrong name or password")
        CODE = "code", _("wrong one-time code")
        RECOVERY = "recovery", _("logged in by a recovery code")
        LOCKED = "locked", _("locked out")
        LOGOUT = "logout", _("logged out")
        TIMEOUT = "timeout", _("session timed out")

    kind = AsciiField(_("event"), max_length=8, choices=Kind.choices, db_index=True)
    username = models.CharField(_("name given"), max_length=150, blank=True, db_index=True)
    ip = models.GenericIPAddressField(_("address"), null=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("time"), db_index=True)

    class Meta:
        verbose_name = _("log-in event")
        verbose_name_plural = _("log-in events")

    def __str__(self) -> str:
        return f"{self.kind} {self.username}"


class Duty(Leased):
    """Something that runs by itself and has no row of its own, such as fetching certificates."""

    name = AsciiField(max_length=48, primary_key=True)

    def __str__(self) -> str:
        return self.name


class ExportJob(Leased):
    """A list as somebody filtered it, being written to a file a chunk at a time (export.py)."""

    class State(models.IntegerChoices):
        RUNNING = 0, _("being written")
        DONE = 1, _("ready")
        FAILED = 2, _("failed")
        GONE = 3, _("removed")

    token = AsciiField(max_length=32, unique=True, editable=False)  # the file's name
    user = staff(_("staff"))
    model = AsciiField(_("list"), max_length=64)
    query = models.TextField(_("filters"), blank=True)
    format = AsciiField(_("format"), max_length=4)
    language = AsciiField(max_length=8)
    state = models.PositiveSmallIntegerField(
        _("state"), choices=State.choices, default=State.RUNNING, db_index=True
    )
    rows = models.PositiveIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(default=0)  # of what is written; beyond it is a torso
    first = AsciiField(max_length=64, blank=True, default="")  # keys: where it begins, and ends
    last = AsciiField(max_length=64, blank=True, default="")
    until = AsciiField(max_length=64, blank=True, default="")
    # When a worker takes it. Empty: nothing left to do.
    run_at = models.DateTimeField(null=True, db_index=True)
    says = models.CharField(_("says"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("asked for at"), db_index=True)
    done_at = models.DateTimeField(_("done at"), null=True, db_index=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")

    def __str__(self) -> str:
        return f"{self.model} {self.format} {self.pk}"


class Heartbeat(models.Model):
    """When a task of the schedule last ended, or a worker ("clock:" and its host) last looked at
    its clock (heartbeat.py)."""

    name = AsciiField(primary_key=True, max_length=160)
    at = models.DateTimeField()  # by the database's clock
    off_s = models.IntegerField(default=0)  # how far the worker's clock is ahead of it

    def __str__(self) -> str:
        return self.name
