"""What each transaction of money writes, in which order: docs/locks.md is compared with it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab, pay, refund, settle
from packets.states import Kind
from payments import channel_refund
from payments.models import ChannelRefund
from testing import make, stories
from wallets import adjust

LOCKS = Path(__file__).parent.parent / "docs" / "locks.md"
WRITES = re.compile(r'(?:INSERT(?: OR \w+)? INTO|(?<!KEY )UPDATE|DELETE FROM)\s+["`](\w+)["`]')


class Written:
    """The tables that statements write, in the order in which each is written first."""

    def __init__(self):
        self.tables: list[str] = []

    def __enter__(self):
        self._wrapped = connection.execute_wrapper(self)
        self._wrapped.__enter__()
        return self

    def __exit__(self, *error):
        return self._wrapped.__exit__(*error)

    def __call__(self, execute, sql, params, many, context):
        for table in WRITES.findall(sql):
            if table not in self.tables:
                self.tables.append(table)
        return execute(sql, params, many, context)


def person(name: str) -> int:
    return get_user_model().objects.create(username=name).pk


def pays(now):
    packet = make.make_packet(Kind.EQUAL, 2, "1.00", now=now)
    make.make_wallet(packet.user_id, "5.00")
    return lambda: pay.by_balance(
        public_id=packet.public_id, caller=Caller(packet.user_id), now=now
    )


def grabs(now):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "1.00")
    return lambda: grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=now)


def refunds(now):
    packet = make.make_expired_packet(Kind.EQUAL, 2, "1.00")
    return lambda: refund.refund_expired(rp_id=packet.pk, now=now)


def confirms(now):
    _, order = make.make_reported_packet(Kind.EQUAL, 2, "1.00", now=now)
    return lambda: make.confirm(order, now)


def settles(now):
    packet, order = make.make_reported_packet(Kind.EQUAL, 2, "1.00", now=now)
    grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=now)
    make.confirm(order, now)
    return lambda: settle.run_pass(rp_id=packet.pk, number=2, now=now + timedelta(minutes=1))


def ends(now):
    packet, order = make.make_reported_packet(Kind.EQUAL, 2, "1.00", now=now)
    grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=now)
    return lambda: make.end(order, now)


def gives_back(now):
    stories.topped_up_twice(now)
    proposed = ChannelRefund.objects.get()
    checker = person("checker")
    return lambda: channel_refund.approve(refund_no=proposed.refund_no, checker_id=checker, now=now)


def adjusts(now):
    make.make_wallet("alice", "5.00")
    maker, checker = person("maker"), person("checker")
    proposed = adjust.propose(
        user_id="alice",
        amount=make.yuan("1.00"),
        is_credit=False,
        other="platform",
        reason="test",
        maker_id=maker,
        now=now,
    )
    return lambda: adjust.approve(reference=proposed.reference, checker_id=checker, now=now)


VERBS = {
    "pay": pays,
    "grab": grabs,
    "expiry refund": refunds,
    "confirm": confirms,
    "settle": settles,
    "void": ends,
    "channel refund": gives_back,
    "adjustment": adjusts,
}


def documented() -> dict[str, list[str]]:
    section = LOCKS.read_text().split("## What each writes, in its order")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z ]+) \(`[^|]+ \| (.+) \|$", section, re.M)
    return {name: re.findall(r"`(\w+)`", order) for name, order in rows}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_writes_in_the_order_of_the_document(verb):
    make.make_group("alice", "bob")
    work = VERBS[verb](timezone.now())

    with Written() as written:
        work()

    assert written.tables == documented()[verb]


def test_every_row_of_the_document_is_a_verbs():
    assert list(documented()) == list(VERBS)
