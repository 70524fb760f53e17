"""Idempotency-Key: the first answer is remembered in the transaction of the work (api.md)."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, OperationalError, connection
from rest_framework.request import Request
from rest_framework.response import Response

from kit import clock, sql, sweeps
from kit.http.caller import caller_of
from kit.http.problems import InFlight, KeyMissing, KeyReused
from kit.models import IdempotencyRecord

# Printable ASCII; no spaces around it, which proxies strip.
KEY_PATTERN = r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?"
_KEY = re.compile(KEY_PATTERN)
_LOCK_WAIT_OVER = 1205


class Replay(Exception):
    """The work was done before; carries the remembered answer out of the verb."""

    def __init__(self, status: int, body: Any):
        self.status, self.body = status, body


class Once:
    """The `also` of a verb: claims the key before the work and keeps the answer with it.

    Races:   (caller, key) is unique. A twin that finds the first one uncommitted is told at once
             (409), not after the lock wait; SQLite serialises writers, so there it waits and
             then finds the answer.
    Repeats: a refusal rolls the claim back with the work, so the same key may try again.
    """

    def __init__(self, request: Request, render: Callable[[Any], Any], status: int):
        self.caller = caller_of(request).user_id
        self.key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
        if not _KEY.fullmatch(self.key):
            raise KeyMissing()
        self.fingerprint = _fingerprint(str(request.method), request.path, request.data)
        self.request_id = getattr(request, "request_id", "")
        self.render, self.status = render, status
        self.answer: Any = None

    @property
    def digest(self) -> str:
        """Names this caller's wish for what must find it again: the same request, the same name."""
        wish = f"{self.caller} {self.key} {self.fingerprint}"
        return hashlib.sha256(wish.encode()).hexdigest()

    def refuse_repeat(self) -> None:
        """Raises Repeated when the key has its answer: before a verb that calls out begins."""
        if IdempotencyRecord.objects.filter(caller=self.caller, key=self.key).exists():
            raise Repeated(self)

    def begin(self) -> None:
        values = {
            "caller": self.caller,
            "key": self.key,
            "fingerprint": self.fingerprint,
            "status": 0,
            "body": "{}",
            "request_id": self.request_id,
            "created_at": sql.time(clock.now()),
        }
        statement = sql.insert(IdempotencyRecord, *values)
        try:
            with connection.cursor() as cursor:
                sql.execute_without_waiting(cursor, statement, list(values.values()))
        except IntegrityError:
            raise Repeated(self) from None
        except OperationalError as error:
            if error.args and error.args[0] == _LOCK_WAIT_OVER:
                raise InFlight() from None
            raise

    def keep(self, result: Any) -> None:
        self.answer = json.loads(json.dumps(self.render(result), cls=DjangoJSONEncoder))
        IdempotencyRecord.objects.filter(caller=self.caller, key=self.key).update(
            status=self.status, body=self.answer
        )

    def remembered(self) -> Replay:
        record = IdempotencyRecord.objects.filter(caller=self.caller, key=self.key).first()
        if record is None:  # the first one rolled back in this very moment
            raise InFlight()
        if record.fingerprint != self.fingerprint:
            raise KeyReused()
        return Replay(record.status, record.body)


class Repeated(Exception):
    """The key was claimed before; the transaction must end before its record can be read."""

    def __init__(self, once: Once):
        self.once = once


def answer(
    request: Request, verb: Callable, *, render: Callable[[Any], Any], status: int = 200
) -> Response:
    """Call verb(also=...) at most once for the request's key; a repeat gets the first answer."""
    return run(Once(request, render, status), verb)


def run(once: Once, verb: Callable, *, look_first: bool = False) -> Response:
    """The same for a key at hand. `look_first` spares a repeat the call to a channel."""
    try:
        if look_first:
            once.refuse_repeat()
        verb(also=once)
    except Repeated:
        replay = once.remembered()
        return Response(replay.body, status=replay.status, headers={"Idempotent-Replayed": "true"})
    return Response(once.answer, status=once.status)


def forget(*, before: datetime) -> int:
    """Drop records older than the promise (at least 24 hours), a chunk a call."""
    return sweeps.drop(IdempotencyRecord.objects.filter(created_at__lt=before))


def _fingerprint(method: str, path: str, data: Any) -> str:
    """By meaning, not by bytes: the order of names and white space do not matter."""
    meaning = json.dumps([method, path, data], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(meaning.encode()).hexdigest()
