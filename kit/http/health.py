"""Is this process alive, can it work, and what does it count."""

import os
import socket
from collections.abc import Iterator
from typing import Any, cast

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    generate_latest,
    multiprocess,
)
from prometheus_client import REGISTRY as OWN
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kit import heartbeat, later, replica, sql
from kit.plumbing import redis, tally
from kit.plumbing.metrics import SHARED


def live(request: HttpRequest) -> HttpResponse:
    """Touches nothing: a process that can answer this is not made better by a restart."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when requests can be served: the database must answer; Redis may be away (slower).

    Sweeps and clocks are told only: a web process that can serve is not taken out because a worker
    is dead, and taking it out would bring no worker back.
    """
    parts = {"database": database(), "redis": _redis()}
    is_ready = parts["database"] == "ok"
    signs = _signs() if is_ready else None
    parts["sweeps"] = signs.sweeps if signs else "unknown"
    parts["clocks"] = ("off" if signs.is_a_clock_off else "ok") if signs else "unknown"
    ages = signs.ages.values() if signs else ()
    return JsonResponse(
        {
            "status": "ok" if is_ready else "unavailable",
            "parts": parts,
            "last_sweep_s": round(min(ages)) if ages else None,
            "late": signs.late if signs else [],
        },
        status=200 if is_ready else 503,
        headers={} if is_ready else {"Retry-After": "1"},
    )


def metrics(request: HttpRequest) -> HttpResponse:
    tally.tell()
    registry = OWN
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    figures = generate_latest(registry) + generate_latest(SHARED)
    return HttpResponse(figures, content_type=CONTENT_TYPE_LATEST)


class Around(Collector):
    """The services around this process; and what the workers, who have no door of their own, leave
    in the database."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("hongbao_up", "Whether this service answers", labels=["service"])
        up.add_metric(["database"], database() == "ok")
        if redis.is_configured():
            up.add_metric(["redis"], _redis() == "ok")
        if replica.is_configured():
            told = _replica()
            up.add_metric(["replica"], told is not None)
            yield from told or ()
        depth = later.depth()
        up.add_metric(["broker"], depth is not None)
        yield up
        if depth is not None:
            yield GaugeMetricFamily("hongbao_broker_depth", "Messages that wait", depth)
        if signs := _signs():
            yield from _told(signs)


SHARED.register(Around())


def _told(signs: heartbeat.Signs) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "hongbao_task_age_seconds", "Since the task last ended well", labels=["task"]
    )
    late = GaugeMetricFamily(
        "hongbao_task_late", "Whether that is longer than it may be", labels=["task"]
    )
    off = GaugeMetricFamily(
        "hongbao_clock_off_seconds", "A machine's clock ahead of the database's", labels=["host"]
    )
    for task, seconds in signs.ages.items():
        age.add_metric([task], seconds)
        late.add_metric([task], task in signs.late)
    own = {} if socket.gethostname() in signs.clocks else {socket.gethostname(): signs.own_clock}
    for host, off_s in {**signs.clocks, **own}.items():
        off.add_metric([host], off_s)
    yield from (age, late, off)


def _signs() -> heartbeat.Signs | None:
    try:
        return heartbeat.signs()
    except Error:
        return None


def _replica() -> list[Metric] | None:
    seen = replica.seen_until()
    try:
        lag_s, is_late = replica.lag_s(seen), replica.is_late(seen)
    except Error:  # the primary's
        return None
    if lag_s is None:
        return None
    return [
        GaugeMetricFamily("hongbao_replica_lag_seconds", "Since the last sign of life", lag_s),
        GaugeMetricFamily("hongbao_replica_late", "Whether it lacks what it may not lack", is_late),
    ]


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@read_only" if sql.is_mysql() else "SELECT 0")
            (is_read_only,) = cursor.fetchone()
    except Error:
        return "down"
    if is_read_only:  # a failover: whoever asks next asks where the address leads to then
        cast(Any, connection).is_read_only = True
        return "read only"
    return "ok"


def _redis() -> str:
    if not redis.is_configured():
        return "not configured"
    try:
        redis.check()
    except redis.Down:
        return "down"
    return "ok"
