"""What a page asks before it draws its forms: GET /session and GET /groups/{id}."""

import pytest

from packets import members, profiles
from packets.tests.test_costs import statements
from payments.channels import config
from payments.states import PayType
from testing.make import make_group, service, user


def test_session_in_full(settings, monkeypatch):
    settings.REDPACKET_EXPIRE_S = 3600
    settings.REDPACKET_SHARES_MAX = 7
    offered = {PayType.UNIONPAY: object(), PayType.ALIPAY: object()}
    monkeypatch.setattr(config.kept, "current", lambda: offered)
    profiles.put(user_id="bob", nickname="小宝", avatar="https://chat.example/bob.png")

    with statements() as sent:
        answer = user("bob").get("session").json()

    assert answer == {
        "user": {
            "user_id": "bob",
            "nickname": "小宝",
            "avatar": "https://chat.example/bob.png",
        },
        "expire_s": 3600,
        "limits": {
            "shares_max": 7,
            "share_min": "0.01",
            "share_max": "200.00",
            "topup_min": "0.01",
            "topup_max": "5000.00",
            "intro_max": 255,
        },
        "channels": ["alipay", "unionpay"],  # as they are shown, not as they were set up
    }
    assert sent == ["SELECT"]


def test_session_of_somebody_without_a_profile():
    assert user("eve").get("session").json()["user"] == {
        "user_id": "eve",
        "nickname": None,
        "avatar": None,
    }


def test_greeting_may_be_as_long_as_the_session_says():
    make_group("alice", "bob")
    most = user("alice").get("session").json()["limits"]["intro_max"]
    wish = {"type": "personal", "for_id": "bob", "single_money": "1.00"}

    statuses = [
        user("alice").post("packets", wish | {"intro": "好" * length}).status_code
        for length in (most, most + 1)
    ]

    assert statuses == [201, 400]


def test_group_of_the_callers():
    make_group("alice", "bob", "carol")

    with statements() as sent:
        answer = user("bob").get("groups/g1").json()

    assert answer == {"group_id": "g1", "number": 3}
    assert sent == ["SELECT", "SELECT"]


def test_group_is_told_to_members_alone():
    make_group("alice", "bob")
    members.remove(group_id="g1", user_id="bob")
    strange = ["groups/g1", "groups/g2", "groups/a%20b", f"groups/{'g' * 65}", "groups/%E7%BE%A4"]

    answers = [user("bob").get(path) for path in strange]

    assert {(found.status_code, found.json()["code"]) for found in answers} == {(404, "not_found")}


@pytest.mark.parametrize("path", ["session", "groups/g1", "packets/bubbles?ids=a"])
def test_only_for_users(path):
    assert service().get(path).status_code == 403
