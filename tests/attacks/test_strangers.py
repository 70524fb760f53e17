"""What strangers try at the door: secrets that stood in a file, keys that look alike, questions
that make work, steps out of a path."""

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from kit.http import schema
from kit.plumbing import redis
from packets.models import RedPacket
from payments.states import PayType
from payments.tests.conftest import offer
from testing.make import Api, make_group, make_wallet, service, user

# As they stood in a file once.
SECRET = "development-only-redpacket_jwt_secret-not-a-secret"
SERVICE_KEY = "development-only-redpacket_service_key-not-a-secret"
WISH = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "1.00"}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("secret", [SECRET, "secret", "None"])
def test_a_token_signed_with_what_anybody_knows_opens_nothing(secret):
    claims = {"sub": "alice", "exp": int(timezone.now().timestamp()) + 600}
    for forged in (
        jwt.encode(claims, secret, "HS256"),
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, secret, "HS512"),
    ):
        assert Api(forged).get("wallet").status_code == 401


@pytest.mark.parametrize("key", [SERVICE_KEY, SECRET, "", "x"])
def test_a_service_key_that_anybody_knows_opens_nothing(key):
    assert Api(key).put("service/groups/g1/members/mallory").status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/wallet", "/api/schema", "/admin/login/", "/health/live"])
def test_another_name_for_us_is_refused(path):
    answer = Client(raise_request_exception=False).get(path, headers={"Host": "evil.example"})

    assert answer.status_code == 400


def test_keys_that_differ_in_a_letters_size_are_two(monkeypatch):
    """The second top-up was answered with the first one's order."""
    offer(monkeypatch, PayType.ALIPAY)
    make_group("alice", "bob")
    alice, topup = user("alice"), {"money": "1.00", "pay_type": "alipay", "scene": "app"}

    for path, bodies, number in (
        ("wallet/topups", (topup, topup | {"money": "2.00"}), "order_no"),
        ("packets", (WISH, WISH | {"single_money": "2.00"}), "id"),
    ):
        first = alice.post(path, bodies[0], key=f"TopXXXXXX{number}")
        for key, body in ((f"TOPXXXXXX{number}", bodies[0]), (f"topxxxxxx{number}", bodies[1])):
            other = alice.post(path, body, key=key)
            assert (other.status_code, "Idempotent-Replayed" in other) == (201, False)
            assert other.json()[number] != first.json()[number]


def test_nine_hundred_questions_about_the_schema_keep_one_answer():
    get = Client().get
    plain = get("/api/schema").content

    assert {get(f"/api/schema?lang=zh-hans.p{n}").content for n in range(900)} == {plain}
    assert get("/api/schema?version=%0a").content == plain
    assert schema.written.cache_info().currsize <= 2


@pytest.mark.parametrize("step", ["..", "%2e%2e", ".", "a/../b", "a%2fb", "a b", "红", "x" * 65])
def test_no_id_is_a_step_in_a_path(settings, step):
    settings.REDPACKET_MEMBERS_URL = "http://127.0.0.1:1/chat"  # nobody is asked
    body = WISH | {"for_id": step}

    assert user("alice").post("packets", body).status_code == 400
    assert service().put(f"service/groups/{step}/members/alice").status_code in (400, 404)
    assert not RedPacket.objects.exists()


def test_everything_gone_at_once_is_a_503_without_a_traceback(settings, caplog):
    settings.REDPACKET_MEMBERS_URL = "http://127.0.0.1:1"
    if redis.is_configured():
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        redis.breaker.failed()

    answer = user("alice").post("packets", WISH)

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer["Retry-After"]
    assert not [record for record in caplog.records if record.exc_info]


def test_what_is_ones_own_is_kept_by_nobody_on_the_way(monkeypatch):
    offer(monkeypatch, PayType.ALIPAY)
    make_wallet("alice", "5.00")
    alice, topup = user("alice"), {"money": "1.00", "pay_type": "alipay", "scene": "app"}
    order = alice.post("wallet/topups", topup)

    for answer in (
        order,
        alice.get(f"orders/{order.json()['order_no']}"),
        alice.get("wallet"),
        alice.get("wallet/flow"),
        user("mallory").get("wallet"),
        alice.get("orders/none"),
        Api("x").get("wallet"),
    ):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
