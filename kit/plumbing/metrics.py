"""Prometheus figures. Labels are bounded: route names, never ids."""

from prometheus_client import CollectorRegistry, Counter, Histogram

REQUESTS = Counter("hongbao_requests_total", "Requests by route and status", ["route", "status"])
SECONDS = Histogram(
    "hongbao_request_seconds",
    "Seconds from first byte to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
GRABS = Counter("hongbao_grabs_total", "Grabs by outcome", ["outcome"])
NOTICES = Counter(
    "hongbao_notices_total", "Channel notifications by outcome", ["channel", "outcome"]
)
DROPPED = Counter("hongbao_dropped_total", "What found its queue full or its way shut", ["what"])
REFUSED = Counter(
    "hongbao_refused_total", "Told no at once: a kind is full, a breaker open", ["what"]
)
OPENED = Counter("hongbao_breaker_opened_total", "How often a service was left alone", ["service"])
FROM_TABLE = Counter(
    "hongbao_tickets_from_table_total", "Grabs that found no Redis and asked the table"
)
# What the database knows: asked for at a scrape, and the same from every process.
SHARED = CollectorRegistry()
