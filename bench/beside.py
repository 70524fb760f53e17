"""What whoever reads days pays for the history behind them: a grab that wins, one that is refused,
pages of the app and of staff, and what the sweeps ask for. For a database that history.py has
filled; audit_days.py asks for it."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.utils import timezone

from bench import asked
from bench.history import BUSY
from kit import sweeps
from packets import close, finish, members, refund, settle
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import chase, send_refund
from sandbox.management.commands.token import token
from testing.make import make_paid_packet
from wallets import book

TAKERS = [f"taker{number}" for number in range(60)]
OF_STAFF = (
    "index",
    "redpacket list",
    "packet page, the newest",
    "packet page, paid through a channel",
    "busy wallet page",
    "wallet page",
    "ledgerline list",
    "ledgerline list, search user",
    "find user",
    "find packet id",
    "find order number",
    "find share's line",
)


def history() -> dict[str, dict]:
    """Median milliseconds and rows read of each."""
    return {name: measured(ask) for name, ask in (*grabs(), *pages(), *due())}


def measured(ask: Callable[[], object], times: int = 11) -> dict:
    ask()
    before, took_ms = rows_read(), []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took_ms.append(1000 * (time.perf_counter() - began))
    rows = (rows_read() - before) / times
    return {"ms": statistics.median(took_ms), "rows read": rows}


def rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


def grabs() -> Iterator[tuple[str, Callable[[], object]]]:
    """By Django; the door before it asks Redis first, which knows no history."""
    members.replace(group_id="beside", user_ids=TAKERS)
    of = {"for_id": "beside", "sender": TAKERS[0]}
    whole, gone = (
        make_paid_packet(Kind.EQUAL, 50, "1.00", **of),
        make_paid_packet(Kind.EQUAL, 1, "1.00", **of),
    )
    users = iter(TAKERS)
    grab(gone, TAKERS[1], "grabbed")
    yield "a grab that wins", lambda: grab(whole, next(users), "grabbed")
    yield "a grab that is refused", lambda: grab(gone, TAKERS[2], "too_slow")


def grab(packet: RedPacket, user: str, outcome: str) -> None:
    answer = (
        Client()
        .post(f"{asked.API}/packets/{packet.public_id}/grab", headers=bearer_of(user))
        .json()
    )
    if answer["outcome"] != outcome:
        raise RuntimeError(answer)


def bearer_of(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user, 86_400)}"}


def pages() -> Iterator[tuple[str, Callable[[], object]]]:
    from django.contrib.auth.models import User

    user = User.objects.get(username="bench")
    client, of_staff = asked.desk(user), asked.of_staff(user)
    for name in OF_STAFF:
        yield f"staff: {name}", lambda url=of_staff[name]: shown(client, url, {})
    bearer = bearer_of(BUSY)
    for name, url in asked.of_the_app().items():
        yield name, lambda url=url: shown(Client(), url, bearer)


def shown(client: Client, url: str, headers: dict) -> None:
    answer = client.get(url, headers=headers)
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{url}: {answer.status_code} {answer.content[:300]}")


def due() -> Iterator[tuple[str, Callable[[], object]]]:
    """The first page of each sweep."""
    now = timezone.now()
    since = now - timedelta(days=settle.MISSED_WITHIN_DAYS)
    asks = {
        "settle_due": (settle.due(now), "run_at"),
        "settle_missed": (settle.missed(since, now), "owed_at"),
        "settle_long_missed": (settle.owed_before(since), "owed_at"),
        "refund_expired": (refund.due(now), "expire_time"),
        "finish_taken, paid": (finish.unfinished(PayStatus.PAID), "expire_time"),
        "finish_taken, awaiting": (finish.unfinished(PayStatus.AWAITING), "expire_time"),
        "close_drafts": (close.due(now), "draft_until"),
        "chase_due": (chase.due(now), "chase_at"),
        "send_refunds": (send_refund.due(now), "chase_at"),
    }
    for name, (rows, by) in asks.items():
        yield f"sweep: {name}", lambda rows=rows, by=by: list(sweeps.behind(rows, by, None))
    yield "sweep: keep_books", lambda: list(book.waiting()[: book.AT_ONCE])
