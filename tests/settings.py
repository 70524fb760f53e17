"""The product's settings for tests: each parallel worker has its own database and Redis number."""

import os
import tempfile
from pathlib import Path

_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
if os.environ.get("REDPACKET_REDIS_URL"):
    _base = os.environ["REDPACKET_REDIS_URL"].partition("?")[0]
    if _base.startswith("unix:"):
        os.environ["REDPACKET_REDIS_URL"] = f"{_base}?db={_worker}"
    else:
        os.environ["REDPACKET_REDIS_URL"] = f"{_base.rstrip('/0123456789')}/{_worker}"
os.environ.setdefault("REDPACKET_BROKER_URL", "memory://")
for _name in ("SECRET_KEY", "SERVICE_KEY", "SEAL_KEY", "JWT_SECRET"):
    os.environ.setdefault(f"REDPACKET_{_name}", f"of the tests alone {_name.lower()} no secret")
os.environ.setdefault("REDPACKET_THROTTLE", "off")
os.environ.setdefault("REDPACKET_LOG_LEVEL", "ERROR")

from redpacket_site.settings import *  # noqa: F403
from redpacket_site.settings import DATA_DIR, DATABASES

DATA_DIR.mkdir(parents=True, exist_ok=True)
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file, not memory: threads and processes race for it.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
# What runs at the same time is another machine here.
_seats = tempfile.TemporaryDirectory(prefix="hongbao-seats-")
SEATS_DIR = Path(_seats.name)
# Quick ones; tests/attacks/test_bulkheads.py takes the product's.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests of the rest after new credentials set it; the other ones begin with new people.
REDPACKET_CREDENTIALS_REST_S = 0
