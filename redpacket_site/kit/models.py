from django.db import models

from redpacket_site.kit.ids import AsciiField, OutsideIdField


class IdempotencyRecord(models.Model):
    """The remembered answer to one POST that moved money; written in that work's transaction."""

    caller = OutsideIdField()
    key = models.CharField(max_length=64, db_collation=None)
    fingerprint = AsciiField(max_length=64)  # SHA-256 of method, path and body by meaning
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
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

    def __str__(self) -> str:
        return f"{self.type} {self.place or '-'}"


class EventPlace(models.Model):
    """One row: the last place given. Its lock puts those who give places in line."""

    last = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)
