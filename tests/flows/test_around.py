"""What surrounds every endpoint: HEAD, OPTIONS, slashes, odd paths and bodies, health, 503."""

import json

import pytest
from django.db import connection
from django.test import Client

from packets.models import RedPacket
from testing.make import make_group, make_packet, service, user
from tests.flows.test_contract import refused

UNKNOWN = "rp_" + "a" * 26
LUCKY = {"type": "lucky", "for_id": "g1", "number": 2, "total_money": "10.00"}


def raw(method: str, path: str, user_id: str | None = "alice", **extra):
    headers = {"Authorization": f"Bearer {user(user_id).bearer}"} if user_id else {}
    headers |= extra.pop("headers", {})
    client = Client(raise_request_exception=False)
    return client.generic(method, f"/api/v1/{path}", headers=headers, **extra)


def test_head_is_get_without_a_body():
    packet = make_packet().public_id

    for path in ("wallet", "wallet/flow", "packets?box=sent", "packets/summary"):
        head, get = raw("HEAD", path), raw("GET", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Type"] == get["Content-Type"]
    assert raw("HEAD", f"packets/{packet}").status_code == 200
    assert raw("HEAD", "packets/rp_x").status_code == 404
    assert raw("HEAD", f"packets/{packet}/grab").status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("wallet", "GET, HEAD, OPTIONS"),
        ("packets", "GET, HEAD, OPTIONS, POST"),
        ("packets/rp_x", "GET, HEAD, OPTIONS"),
        ("packets/rp_x/pay", "OPTIONS, POST"),
        ("packets/rp_x/grab", "OPTIONS, POST"),
    ],
)
def test_options_and_405_name_the_methods(path, allowed):
    options = raw("OPTIONS", path)
    assert (options.status_code, options.content) == (204, b"")
    assert ", ".join(sorted(options["Allow"].split(", "))) == allowed
    for method in ("PATCH", "TRACE", "FOO"):
        response = raw(method, path)
        refused(response, 405, "method_not_allowed")
        assert ", ".join(sorted(response["Allow"].split(", "))) == allowed
    refused(raw("OPTIONS", path, None), 401, "unauthenticated")


@pytest.mark.parametrize(
    "path",
    [
        "packets/",
        "wallet/",
        "wallet/flow/",
        "packets/summary/",
        "packets/rp_x/",
        "packets/rp_x/grab/",
        "packets/rp_x/pay/",
        "packets//pay",
        "service/events/",
        "../wallet/",
        "",
        "nothing",
    ],
)
def test_trailing_slash_and_unknown_route(path):
    for method in ("GET", "POST", "PUT", "DELETE"):
        refused(raw(method, path), 404, "not_found")


@pytest.mark.parametrize(
    "pk",
    [
        UNKNOWN,
        f"{UNKNOWN}%0A",
        "rp_x",
        "%00",
        "rp_x%00",
        "rp_x%0A",
        "%F0%9F%A7%A7",
        "%E7%BE%A4",
        "%FF%FE",
        "%ED%A0%80",
        "%25s",
        "'%20OR%201=1--",
        "x" * 8000,
        "1",
        "None",
        "RP_AAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_odd_ids_are_unknown(pk):
    refused(raw("GET", f"packets/{pk}"), 404, "not_found")
    refused(raw("POST", f"packets/{pk}/grab"), 404, "not_found")
    pay = {"data": '{"pay_type":"balance"}', "content_type": "application/json"}
    refused(
        raw("POST", f"packets/{pk}/pay", headers={"Idempotency-Key": "k"}, **pay), 404, "not_found"
    )


def test_id_in_capitals_is_another_id():
    packet = make_packet(sender="alice").public_id

    refused(user("alice").get(f"packets/{packet.upper()}"), 404, "not_found")


def test_body_on_get_and_grab_is_not_read():
    packet = make_packet(sender="alice").public_id
    body = {"data": b'{"a": [', "content_type": "application/json"}

    assert raw("GET", "wallet", **body).status_code == 200
    assert raw("GET", f"packets/{packet}", **body).status_code == 200
    refused(raw("POST", f"packets/{packet}/grab", **body), 409, "not_issued")
    big = {"data": b"x" * 70_000, "content_type": "application/json"}
    refused(raw("GET", "wallet", **big), 413, "too_large")
    refused(raw("POST", f"packets/{packet}/grab", **big), 413, "too_large")


@pytest.mark.once
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "json",
        "text/plain",
        "text/json",
        "application/xml",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "a" * 500,
        "/;=;",
    ],
)
def test_wrong_content_types(content_type):
    body = {"data": json.dumps(LUCKY), "content_type": content_type}

    refused(
        raw("POST", "packets", headers={"Idempotency-Key": "k"}, **body),
        415,
        "unsupported_media_type",
    )
    assert not RedPacket.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
)
def test_right_content_types(content_type):
    make_group("alice", "bob")
    body = {"data": json.dumps(LUCKY), "content_type": content_type}

    assert raw("POST", "packets", headers={"Idempotency-Key": "k"}, **body).status_code == 201


@pytest.mark.once
@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/*", "text/html,*/*"])
def test_acceptable(accept):
    assert user("alice").get("wallet", Accept=accept).status_code == 200


@pytest.mark.once
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "nonsense"])
def test_not_acceptable(accept):
    refused(user("alice").get("wallet", Accept=accept), 406, "not_acceptable")


@pytest.mark.once
@pytest.mark.parametrize(
    ("accepted", "detail"),
    [
        ("en", "There is nothing here for you."),
        ("en-US,en;q=0.5", "There is nothing here for you."),
        ("fr;q=0.9,en;q=0.8", "There is nothing here for you."),
        ("zh-Hans,en;q=0.9", "内容不存在，或与您无关。"),
        ("zh-CN", "内容不存在，或与您无关。"),
        ("zh", "内容不存在，或与您无关。"),
        ("de", "内容不存在，或与您无关。"),
        ("", "内容不存在，或与您无关。"),
        ("x" * 5000, "内容不存在，或与您无关。"),
        ("\x00;q=en", "内容不存在，或与您无关。"),
    ],
)
def test_language_of_the_caller(accepted, detail):
    for path in ("packets/rp_x", "nothing"):
        response = user("alice").get(path, Accept_Language=accepted)
        assert refused(response, 404, "not_found")["detail"] == detail


def test_every_answer_has_a_request_id_of_its_own():
    ids = {user("alice").get("wallet")["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    for path in ("/health/live", "/metrics", "/api/schema", "/api/docs", "/nothing"):
        response = Client().get(path, headers={"X-Request-ID": "mine-1"})
        assert response["X-Request-ID"] == "mine-1"
    assert (
        raw("GET", "wallet", None, headers={"X-Request-ID": "a.b_c-1"})["X-Request-ID"] == "a.b_c-1"
    )
    assert raw("PUT", "nothing", headers={"X-Request-ID": "r"}).json()["request_id"] == "r"


@pytest.mark.once
@pytest.mark.parametrize("method, path", [("get", "wallet"), ("post", "packets/rp_x/grab")])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b", "[::1", "x:y"])
def test_another_host_is_refused_before_anything_else(host, method, path):
    for _ in range(2):  # not remembered as ours
        answer = getattr(user("alice"), method)(path, Host=host)

        assert refused(answer, 400, "malformed")
    assert user("alice").get("wallet", Host="localhost:8000").status_code == 200


def test_no_answer_of_the_api_is_kept_on_the_way_or_taken_for_something_else():
    for answer in (user("alice").get("wallet"), raw("PUT", "nothing"), raw("GET", "wallet", None)):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "Strict-Transport-Security" not in answer  # development has no https


# --- health and metrics


def test_health_and_metrics():
    live, ready = Client().get("/health/live"), Client().get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert ready.json()["status"] == "ok"
    assert ready.json()["parts"]["database"] == "ok"
    assert ready.json()["parts"]["redis"] in ("ok", "not configured")
    user("alice").get("packets/rp_secret")

    metrics = Client().get("/metrics")

    assert metrics.status_code == 200
    assert metrics["Content-Type"].startswith("text/plain")
    assert b'route="api/v1/packets/<str:pk>"' in metrics.content
    assert b"rp_secret" not in metrics.content


@pytest.fixture
def database_down(monkeypatch):
    """The database cannot be reached: a real refusal to connect."""
    settings = connection.settings_dict
    away = {**settings, "NAME": "/nowhere/at/all"}
    if connection.vendor == "mysql":
        away["OPTIONS"] = {**settings["OPTIONS"], "unix_socket": "/nowhere/at/all"}
    connection.close()
    connection.settings_dict = away
    yield
    connection.close()
    connection.settings_dict = settings


def test_database_down_is_503_with_retry_after(database_down):
    alice = user("alice")

    for response in (
        alice.get("wallet"),
        alice.get("wallet/flow"),
        alice.get(f"packets/{UNKNOWN}"),
        alice.get("packets?box=sent"),
        alice.get("packets/summary"),
        alice.post("packets", LUCKY),
        alice.post(f"packets/{UNKNOWN}/pay", {"pay_type": "balance"}),
        alice.post(f"packets/{UNKNOWN}/grab"),
        service().put("service/groups/g1/members", {"members": []}),
        service().get("service/events"),
    ):
        refused(response, 503, "unavailable")
        assert int(response["Retry-After"]) >= 1
    refused(alice.post("packets", LUCKY | {"number": 0}), 400, "validation_error")
    ready = Client().get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "down")
    assert ready["Retry-After"]
    assert Client().get("/health/live").status_code == 200


def test_bug_is_a_problem_and_never_a_page(monkeypatch):
    def broken(**kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("packets.api.results.packet", broken)
    response = user("alice").get(f"packets/{UNKNOWN}")

    assert refused(response, 503, "unavailable")
    assert int(response["Retry-After"]) >= 1
    assert b"ZeroDivision" not in response.content
