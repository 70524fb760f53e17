"""api.md's conventions over HTTP: every status and code, in both languages, and nothing moves."""

import json

import pytest
from django.conf import settings
from django.test import Client

from kit.http import throttle
from kit.models import IdempotencyRecord
from packets import freeze as packet_freeze
from packets.models import RedPacket, Share
from packets.states import Kind
from testing.make import (
    Api,
    make_group,
    make_packet,
    make_paid_packet,
    make_wallet,
    service,
    user,
)
from wallets import freeze as wallet_freeze
from wallets.models import LedgerLine, Wallet

LUCKY = {"type": "lucky", "for_id": "g1", "number": 3, "total_money": "10.00"}
EQUAL = {"type": "equal", "for_id": "g1", "number": 3, "single_money": "1.00"}
PERSONAL = {"type": "personal", "for_id": "bob", "single_money": "5.00"}


@pytest.fixture(autouse=True)
def group():
    make_group("alice", "bob", "carol", "dave")


def refused(response, status: int, code: str) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"{settings.REDPACKET_PUBLIC_URL}/api/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"]
    return problem


# --- 400: the body


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "golden"}, "type"),
        ({"type": None}, "type"),
        ({"type": 3}, "type"),
        ({"for_id": ""}, "for_id"),
        ({"for_id": "a" * 65}, "for_id"),
        ({"for_id": "群"}, "for_id"),
        ({"for_id": "a b"}, "for_id"),
        ({"for_id": 7}, "for_id"),
        ({"for_id": "g1\n"}, "for_id"),
        ({"number": 0}, "number"),
        ({"number": 101}, "number"),
        ({"number": -1}, "number"),
        ({"number": "3"}, "number"),
        ({"number": 3.0}, "number"),
        ({"number": True}, "number"),
        ({"number": None}, "number"),
        ({"number": 10**29}, "number"),
        ({"number": 5}, "number"),  # the group has four members
        ({"total_money": 10}, "total_money"),
        ({"total_money": 10.5}, "total_money"),
        ({"total_money": "10"}, "total_money"),
        ({"total_money": "10.0"}, "total_money"),
        ({"total_money": "10.001"}, "total_money"),
        ({"total_money": "-1.00"}, "total_money"),
        ({"total_money": "1e3"}, "total_money"),
        ({"total_money": "NaN"}, "total_money"),
        ({"total_money": " 1.00"}, "total_money"),
        ({"total_money": "٣.٠٠"}, "total_money"),
        ({"total_money": "0.02"}, "total_money"),  # three shares want 0.03
        ({"total_money": "600.01"}, "total_money"),
        ({"total_money": None}, "total_money"),
        ({"single_money": "1.00"}, "single_money"),
        ({"intro": "x" * 256}, "intro"),
        ({"intro": 5}, "intro"),
        ({"intro": None}, "intro"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_field_is_named(change, field):
    response = user("alice").post("packets", LUCKY | change)

    problem = refused(response, 400, "validation_error")
    assert field in problem["errors"]
    assert not RedPacket.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize(
    ("body", "field"),
    [
        (PERSONAL | {"for_id": "alice"}, "for_id"),
        (PERSONAL | {"number": 2}, "number"),
        (PERSONAL | {"single_money": "200.01"}, "single_money"),
        (PERSONAL | {"single_money": "0.00"}, "single_money"),
        (PERSONAL | {"total_money": "5.00"}, "total_money"),
        (EQUAL | {"single_money": "200.01"}, "single_money"),
        (EQUAL | {"total_money": "3.00"}, "total_money"),
        ({"type": "equal", "for_id": "g1", "single_money": "1.00"}, "number"),
        ({"type": "equal", "for_id": "g1", "number": 1}, "single_money"),
        ({"type": "lucky", "for_id": "g1", "number": 1}, "total_money"),
        ({"for_id": "g1", "number": 1}, "type"),
    ],
)
def test_bad_combination_is_named(body, field):
    problem = refused(user("alice").post("packets", body), 400, "validation_error")

    assert field in problem["errors"]


@pytest.mark.once
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"type": "lucky", "type": "equal"}',
        b'{"number": ' + b"9" * 5000 + b"}",
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"intro": "\\ud800"}',
        b'{"intro": "a\\u0000b"}',
        b'{"intro": "\xff"}',
        b"{'type': 'lucky'}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_hostile_json_is_malformed(body):
    refused(user("alice").post("packets", body), 400, "malformed")


@pytest.mark.once
@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"null", b"true"])
def test_json_that_is_no_object(body):
    refused(user("alice").post("packets", body), 400, "validation_error")


@pytest.mark.once
@pytest.mark.parametrize("key", ["", " ", "x" * 65, "ключ", "a\tb"])
def test_idempotency_key_is_required(key):
    headers = {"Idempotency-Key": key} if key else {}
    refused(user("alice").post("packets", LUCKY, key="", **headers), 400, "idempotency_key_missing")


def test_bad_queries():
    alice = user("alice")

    for query in ("", "?box=lost", "?box=sent&year=20x6", "?box=sent&limit=0", "?box=sent&limit=x"):
        refused(alice.get(f"packets{query}"), 400, "validation_error")
    for query in (
        "packets?box=sent&cursor=%21",
        "packets?box=sent&cursor=MQ",
        "wallet/flow?cursor=x",
    ):
        refused(alice.get(query), 400, "malformed")
    refused(alice.get("wallet/flow?kind=theft"), 400, "validation_error")
    refused(alice.get("packets/summary?year=0"), 400, "validation_error")


# --- 401, 403: who is calling


@pytest.mark.once
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "x" * 5000]
)
def test_no_or_bad_token(header):
    headers = {} if header is None else {"Authorization": header}

    for path in ("wallet", "packets/rp_x", "service/events"):
        response = Client().get(f"/api/v1/{path}", headers=headers)
        refused(response, 401, "unauthenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")
    refused(Client().post("/api/v1/packets/rp_x/grab", headers=headers), 401, "unauthenticated")


def test_user_and_service_do_not_mix():
    refused(service().get("wallet"), 403, "forbidden")
    refused(service().post("packets/rp_x/grab"), 403, "forbidden")
    refused(user("alice").get("service/events"), 403, "forbidden")
    refused(user("alice").put("service/groups/g1/members", {"members": []}), 403, "forbidden")


def test_frozen_wallet_refuses_pay_and_grab_but_receives():
    draft = make_packet(Kind.EQUAL, 2, "1.00", sender="alice")
    other = make_paid_packet(Kind.EQUAL, 2, "1.00", sender="bob")
    make_wallet("alice", "10.00")
    from django.utils import timezone

    wallet_freeze.freeze(user_id="alice", reason="test", now=timezone.now())
    lines = LedgerLine.objects.count()

    pay = user("alice").post(f"packets/{draft.public_id}/pay", {"pay_type": "balance"})
    grab = user("alice").post(f"packets/{other.public_id}/grab")

    refused(pay, 403, "wallet_frozen")
    refused(grab, 403, "wallet_frozen")
    assert LedgerLine.objects.count() == lines
    assert user("alice").get("wallet").json() == {"balance": "10.00", "is_frozen": True}
    assert user("alice").post("packets", PERSONAL).status_code == 201
    make_wallet("alice", "1.00")


def test_frozen_packet():
    from django.utils import timezone

    packet = make_paid_packet(sender="alice")
    packet_freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    refused(user("bob").post(f"packets/{packet.public_id}/grab"), 403, "packet_frozen")
    shown = user("bob").get(f"packets/{packet.public_id}").json()
    assert shown["state"] == "open"
    assert shown["actions"] == []


# --- 404: unknown, or not for this caller: the two cannot be told apart


def test_unknown_and_not_yours_look_alike():
    packet = make_paid_packet(sender="alice")
    draft = make_packet(sender="alice")

    def body(response):
        problem = refused(response, 404, "not_found")
        del problem["request_id"]
        return problem, sorted(set(response.headers) - {"X-Request-ID"})

    stranger = user("stranger")
    unknown = body(stranger.get("packets/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa"))
    assert body(stranger.get(f"packets/{packet.public_id}")) == unknown
    assert body(user("bob").get(f"packets/{draft.public_id}")) == unknown
    no_grab = body(stranger.post("packets/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa/grab"))
    assert body(stranger.post(f"packets/{packet.public_id}/grab")) == no_grab
    pay = {"pay_type": "balance"}
    no_pay = body(user("bob").post("packets/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa/pay", pay))
    assert body(user("bob").post(f"packets/{draft.public_id}/pay", pay)) == no_pay
    no_group = body(user("bob").post("packets", LUCKY | {"for_id": "nowhere"}))
    assert body(stranger.post("packets", LUCKY)) == no_group


# --- 405, 406, 413, 415


def test_method_not_allowed():
    alice = user("alice")

    for response, allowed in (
        (alice.delete("wallet"), "GET"),
        (alice.get("packets/rp_x/grab"), "POST"),
        (alice.get("packets/rp_x/pay"), "POST"),
        (alice.put("packets", {}), "POST"),
    ):
        refused(response, 405, "method_not_allowed")
        assert allowed in response["Allow"]


def test_not_acceptable_and_unsupported():
    alice = user("alice")

    refused(alice.get("wallet", Accept="text/html"), 406, "not_acceptable")
    response = Client().post(
        "/api/v1/packets",
        data="type=lucky",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {alice.bearer}", "Idempotency-Key": "k"},
    )
    refused(response, 415, "unsupported_media_type")


def test_too_large():
    big = json.dumps(LUCKY | {"intro": "x" * 70_000})
    many = {"members": [f"member{i:06}" for i in range(5000)]}

    refused(user("alice").post("packets", big), 413, "too_large")
    assert service().put("service/groups/big/members", many).status_code == 204
    refused(service().put("service/groups/big/members", " " * (5 << 20)), 413, "too_large")


# --- 409, 422: conflicts


def test_conflicts_of_paying():
    make_wallet("alice", "5.00")
    alice = user("alice")
    poor = alice.post("packets", LUCKY).json()["id"]
    rich = alice.post("packets", PERSONAL).json()["id"]
    pay = {"pay_type": "balance"}

    refused(alice.post(f"packets/{poor}/pay", pay), 409, "insufficient_balance")
    refused(alice.post(f"packets/{poor}/grab"), 409, "not_issued")
    assert alice.post(f"packets/{rich}/pay", pay).status_code == 200
    refused(alice.post(f"packets/{rich}/pay", pay), 409, "already_paid")
    refused(alice.post(f"packets/{rich}/grab"), 409, "own_packet")
    assert alice.get("wallet").json()["balance"] == "0.00"


def test_closed_packet_cannot_be_paid():
    from packets import close

    make_wallet("alice", "50.00")
    packet = make_packet(sender="alice")
    close.close(packet=packet, now=packet.draft_until)
    alice = user("alice")

    refused(
        alice.post(f"packets/{packet.public_id}/pay", {"pay_type": "balance"}),
        409,
        "packet_closed",
    )
    assert alice.get(f"packets/{packet.public_id}").json()["state"] == "closed"


def test_channels_come_later():
    packet = make_packet(sender="alice")
    body = {"pay_type": "alipay", "scene": "app"}

    refused(
        user("alice").post(f"packets/{packet.public_id}/pay", body),
        409,
        "channel_unavailable_for_purpose",
    )


@pytest.mark.once
@pytest.mark.parametrize(
    "body",
    [{}, {"pay_type": "cash"}, {"pay_type": "balance", "scene": "app"}, {"pay_type": "alipay"}],
)
def test_bad_payment(body):
    packet = make_packet(sender="alice")

    refused(user("alice").post(f"packets/{packet.public_id}/pay", body), 400, "validation_error")


# --- idempotency


def test_same_key_same_answer():
    make_wallet("alice", "20.00")
    alice = user("alice")

    first = alice.post("packets", LUCKY, key="k1")
    again = alice.post("packets", json.dumps(LUCKY, indent=3, sort_keys=True), key="k1")

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert again["X-Request-ID"] != first["X-Request-ID"]
    assert RedPacket.objects.count() == 1
    path = f"packets/{first.json()['id']}/pay"
    paid = alice.post(path, {"pay_type": "balance"}, key="k2")
    assert alice.post(path, {"pay_type": "balance"}, key="k2").json() == paid.json()
    assert alice.get("wallet").json()["balance"] == "10.00"


def test_same_key_other_request():
    alice = user("alice")
    alice.post("packets", LUCKY, key="k1")

    refused(alice.post("packets", EQUAL, key="k1"), 422, "idempotency_key_reused")
    assert user("bob").post("packets", EQUAL, key="k1").status_code == 201


def test_refusal_is_not_remembered():
    alice = user("alice")
    packet = alice.post("packets", LUCKY).json()["id"]
    path, pay = f"packets/{packet}/pay", {"pay_type": "balance"}
    refused(alice.post(path, pay, key="k1"), 409, "insufficient_balance")
    make_wallet("alice", "10.00")

    assert alice.post(path, pay, key="k1").status_code == 200
    assert IdempotencyRecord.objects.filter(key="k1").count() == 1


# --- the rest of the conventions


def test_request_id_is_taken_or_made():
    alice = user("alice")

    assert alice.get("wallet", X_Request_ID="my-id.1_2")["X-Request-ID"] == "my-id.1_2"
    for bad in ("a b", "x" * 65, "ü"):
        assert alice.get("wallet", X_Request_ID=bad)["X-Request-ID"] != bad
    assert user("bob").post("packets/rp_x/grab", X_Request_ID="g-1")["X-Request-ID"] == "g-1"


def test_two_languages():
    path = "packets/rp_x"
    chinese = user("alice").get(path).json()
    english = user("alice", "en-GB,en;q=0.9").get(path).json()
    other = user("alice", "fr").get(path).json()

    assert english["detail"] == "There is nothing here for you."
    assert chinese["detail"] == other["detail"] != english["detail"]


def test_throttled(settings, monkeypatch):
    """One request a second, so that a slow machine cannot refill the bucket while we empty it."""
    settings.REDPACKET_THROTTLE = True
    monkeypatch.setattr(throttle, "GRAB", throttle.Rate("g", 1, "grab"))
    bob = user("bob")
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00", sender="alice")

    answers = [bob.post(f"packets/{packet.public_id}/grab") for _ in range(10)]

    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    throttled = [answer for answer in answers if answer.status_code == 429]
    refused(throttled[0], 429, "throttled")
    assert int(throttled[0]["Retry-After"]) >= 1
    assert user("carol").post(f"packets/{packet.public_id}/grab").status_code == 200
    assert Share.objects.filter(user_id="bob").count() == 1
    assert bob.get("wallet").status_code == 200  # another class of endpoint


def test_unknown_route_is_a_problem_too():
    refused(user("alice").get("nothing/here"), 404, "not_found")


def test_secrets_stay_secret():
    assert settings.REDPACKET_SERVICE_KEY not in repr(Api("x"))
    assert not Wallet.objects.exists()
