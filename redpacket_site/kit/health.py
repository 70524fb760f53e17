"""Is this process alive, can it work, and what does it count."""

import os

from django.db import Error, connection
from django.http import HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client import REGISTRY as OWN

from redpacket_site.kit import redis


def live(request):
    return JsonResponse({"status": "ok"})


def ready(request):
    """200 when requests can be served: the database must answer; Redis may be away (slower)."""
    parts = {"database": _database(), "redis": _redis()}
    is_ready = parts["database"] == "ok"
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "parts": parts},
        status=200 if is_ready else 503,
        headers={} if is_ready else {"Retry-After": "1"},
    )


def metrics(request):

    registry = OWN
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "down"
    return "ok"


def _redis() -> str:
    if not redis.is_configured():
        return "not configured"
    try:
        redis.call(lambda connection: connection.ping())
    except redis.Down:
        return "down"
    return "ok"
