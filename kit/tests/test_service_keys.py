"""Several service keys at once, each for what it is for, from the chat server's addresses alone."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from kit.http import service_keys
from kit.http.api import ServiceViewSet
from testing.make import Api, user

pytestmark = pytest.mark.once
MEMBERS = ("put", "service/groups/g1/members/bob")
PROFILES = ("put", "service/profiles/bob", {"nickname": "Bob", "avatar": ""})
EVENTS = ("get", "service/events")


def statuses(key: str) -> list[int]:
    """Of members, profiles, events, and of what is a user's."""
    calls = [MEMBERS, PROFILES, EVENTS, ("get", "wallet")]
    return [getattr(Api(key), verb)(*more).status_code for verb, *more in calls]


def views(of: type) -> set[type]:
    return {view for child in of.__subclasses__() for view in {child, *views(child)}}


def test_a_key_opens_what_it_is_for(settings):
    settings.REDPACKET_SERVICE_KEY = "all-of-it, members:groups,events:news"

    assert statuses("all-of-it") == [204, 204, 200, 403]
    assert statuses("groups") == [204, 204, 403, 403]
    assert statuses("news") == [403, 403, 200, 403]
    for wrong in ("members:groups", "all-of-i", "all-of-it,", "events", "x"):
        assert statuses(wrong) == [401, 401, 401, 401]


def test_two_keys_are_good_while_one_follows_the_other(settings):
    for kept, expected in (
        ("old", (200, 401)),
        ("old,new", (200, 200)),
        ("new,old", (200, 200)),
        ("new", (401, 200)),
    ):
        settings.REDPACKET_SERVICE_KEY = kept
        assert tuple(Api(key).get("service/events").status_code for key in ("old", "new")) == (
            expected
        )


def test_every_view_of_the_chat_server_says_what_it_is_for():
    found = views(ServiceViewSet)

    assert found
    assert {view.scope for view in found} <= service_keys.SCOPES


@pytest.mark.parametrize(
    ("networks", "caller", "expected"),
    [
        ([], "203.0.113.9", 200),
        (["10.0.0.0/8"], "10.255.255.255", 200),
        (["10.0.0.0/8"], "11.0.0.0", 403),
        (["127.0.0.1", "2001:db8::/32"], "2001:db8::1", 200),
        (["127.0.0.1", "2001:db8::/32"], "127.0.0.2", 403),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", 200),
        (["10.0.0.0/8"], "nonsense", 403),  # then it is who is connected: 127.0.0.1
        (["127.0.0.1"], "nonsense", 200),
    ],
)
def test_a_key_opens_from_the_chat_servers_addresses_alone(settings, networks, caller, expected):
    settings.REDPACKET_SERVICE_FROM = [ip_network(network) for network in networks]
    settings.REDPACKET_SERVICE_KEY = "key"
    settings.REDPACKET_PROXY_IP_HEADER = "HTTP_X_REAL_IP"

    statuses = {
        key: Api(key).get("service/events", X_Real_IP=caller).status_code
        for key in ("key", "wrong")
    }

    assert statuses == {"key": expected, "wrong": 401}


def test_users_come_from_anywhere(settings):
    settings.REDPACKET_SERVICE_FROM = [ip_network("10.0.0.0/8")]

    assert user("alice").get("wallet").status_code == 200
    assert user("alice").get("service/events").status_code == 403


@pytest.mark.parametrize("text", ["member:secret", "secret:members", ":secret", "members:", "a,b:"])
def test_a_scope_that_is_none_stops_the_start_and_no_secret_is_said(text):
    with pytest.raises(ImproperlyConfigured, match="REDPACKET_SERVICE_KEY") as refused:
        service_keys.parse(text)

    assert "secret" not in str(refused.value)


def test_the_membership_service_is_shown_the_first_key_for_members(settings):
    for text, expected in (
        ("a", "a"),
        ("events:a,members:b,c", "b"),
        ("events:a", ""),
    ):
        settings.REDPACKET_SERVICE_KEY = text
        assert service_keys.shown() == expected
    assert "secret" not in repr(service_keys.parse("members:secret"))
