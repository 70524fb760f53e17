"""Idempotency-Key with twins in flight: never a second effect (api.md)."""

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from kit.http import idempotency
from kit.models import IdempotencyRecord
from packets.models import RedPacket
from testing.make import make_group, make_packet, make_wallet, user
from tests.flows.meanwhile import apart

LUCKY = {"type": "lucky", "for_id": "g1", "number": 2, "total_money": "10.00"}
BALANCE = {"pay_type": "balance"}


def test_twin_of_one_in_flight_has_no_second_effect(monkeypatch):
    """MariaDB: told at once. SQLite serialises writers: the twin waits and gets the answer."""
    make_group("alice", "bob")
    claimed, go_on = threading.Event(), threading.Event()
    keep = idempotency.Once.keep

    def keep_slowly(once, result):
        claimed.set()
        assert go_on.wait(30)
        keep(once, result)

    monkeypatch.setattr(idempotency.Once, "keep", keep_slowly)
    alice = user("alice")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(apart(lambda: alice.post("packets", LUCKY, key="k")))
        assert claimed.wait(30)
        twin = threads.submit(apart(lambda: alice.post("packets", LUCKY, key="k")))
        if connection.vendor == "mysql":
            assert twin.result(30).json()["code"] == "idempotency_in_flight"
        go_on.set()
        answers = [first.result(30), twin.result(30)]

    assert answers[0].status_code == 201
    if connection.vendor == "mysql":
        assert answers[1].status_code == 409
    else:
        assert answers[1].json() == answers[0].json()
        assert answers[1]["Idempotent-Replayed"] == "true"
    again = alice.post("packets", LUCKY, key="k")
    assert (again.status_code, again.json()) == (201, answers[0].json())
    assert RedPacket.objects.count() == 1


def test_eight_twins_pay_once():
    make_group("alice", "bob")
    make_wallet("alice", "100.00")
    packet = make_packet(number=2).public_id
    alice = user("alice")
    barrier = threading.Barrier(8)

    def pay():
        barrier.wait()
        return alice.post(f"packets/{packet}/pay", BALANCE, key="k")

    with ThreadPoolExecutor(8) as threads:
        answers = [done.result() for done in [threads.submit(apart(pay)) for _ in range(8)]]

    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert sum("Idempotent-Replayed" not in answer for answer in won) == 1
    assert len({answer.content for answer in won}) == 1
    assert {answer.json()["code"] for answer in lost} <= {"idempotency_in_flight"}
    assert alice.get("wallet").json()["balance"] == "90.00"
    assert alice.post(f"packets/{packet}/pay", BALANCE, key="k").content == won[0].content


def test_only_success_is_remembered():
    make_group("alice", "bob")
    alice = user("alice")
    packet = make_packet(number=2).public_id
    refusals = [
        alice.post("packets", LUCKY | {"number": 0}, key="a"),
        alice.post("packets", LUCKY | {"for_id": "nowhere"}, key="b"),
        alice.post(f"packets/{packet}/pay", BALANCE, key="c"),
        alice.post("packets/rp_x/pay", BALANCE, key="d"),
    ]

    assert [answer.status_code for answer in refusals] == [400, 404, 409, 404]
    assert not IdempotencyRecord.objects.exists()
    assert alice.post("packets", LUCKY, key="b").status_code == 201


def test_body_is_compared_by_meaning_and_the_path_counts():
    make_group("alice", "bob")
    make_wallet("alice", "100.00")
    alice = user("alice")
    one, two = (make_packet(number=2).public_id for _ in range(2))

    def code(response):
        return response.status_code, response.json().get("code")

    written = b'{ "total_money":"10.00",\n "number":2, "for_id":"\\u0067\\u0031", "type":"lucky"}'
    first = alice.post("packets", LUCKY, key="k")
    assert alice.post("packets", written, key="k").json() == first.json()
    other = LUCKY | {"intro": ""}
    assert code(alice.post("packets", other, key="k")) == (422, "idempotency_key_reused")
    assert alice.post(f"packets/{one}/pay", BALANCE, key="p").status_code == 200
    reused = alice.post(f"packets/{two}/pay", BALANCE, key="p")
    assert code(reused) == (422, "idempotency_key_reused")
    assert alice.get("wallet").json()["balance"] == "90.00"


def test_grab_takes_no_key_and_minds_none():
    make_group("alice", "bob")
    make_wallet("alice", "10.00")
    packet = user("alice").post("packets", LUCKY).json()["id"]
    user("alice").post(f"packets/{packet}/pay", BALANCE)

    outcomes = [
        user("bob").post(f"packets/{packet}/grab", key=key).json()["outcome"]
        for key in ("k", "k", "")
    ]

    assert outcomes == ["grabbed", "already_grabbed", "already_grabbed"]
