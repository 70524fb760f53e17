"""The chat server's doors: members, profiles, events, packets."""

import time

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from kit import ids, outbox
from kit.http import pages, service_keys
from kit.http.api import ServiceViewSet, validated
from kit.http.describe import operation, query
from kit.plumbing import forks
from kit.refusals import Invalid, NotFound, Throttled
from packets import members, profiles
from packets.api import examples, results
from packets.api.serializers import (
    EventPageSerializer,
    MembersSerializer,
    PacketSerializer,
    ProfileSerializer,
)

EVENTS_DEFAULT, EVENTS_MAX = 100, 1000
AFTER_MAX, AFTER_PATTERN = 10**18 - 1, r"^[0-9]{1,18}$"
WAIT_MAX_S = 30
POLL_S = 0.25


class GroupViewSet(ServiceViewSet):
    """The chat server keeps group membership here."""

    scope = service_keys.MEMBERS

    @operation(
        "replaceMembers",
        "Make these the group's members, all of them",
        status=204,
        body=MembersSerializer,
        bodies={"members": {"members": ["alice", "bob"]}},
    )
    def replace(self, request: Request, group_id: str) -> Response:
        _check(group_id=group_id)
        wanted = validated(MembersSerializer, request.data)["members"]
        members.replace(group_id=group_id, user_ids=wanted)
        return Response(status=204)

    @operation("addMember", "Add one member", status=204, refuses=[Invalid])
    def add(self, request: Request, group_id: str, user_id: str) -> Response:
        _check(group_id=group_id, user_id=user_id)
        members.add(group_id=group_id, user_id=user_id)
        return Response(status=204)

    @operation("removeMember", "Remove one member", status=204, refuses=[Invalid])
    def remove(self, request: Request, group_id: str, user_id: str) -> Response:
        _check(group_id=group_id, user_id=user_id)
        members.remove(group_id=group_id, user_id=user_id)
        return Response(status=204)


class ProfileViewSet(ServiceViewSet):
    """The chat server keeps nicknames and avatars here."""

    scope = service_keys.MEMBERS

    @operation(
        "putProfile",
        "Set how a user is called and looks; null takes it away",
        status=204,
        body=ProfileSerializer,
        bodies=examples.PROFILES,
    )
    def put(self, request: Request, user_id: str) -> Response:
        _check(user_id=user_id)
        profile = validated(ProfileSerializer, request.data)
        profiles.put(
            user_id=user_id,
            nickname=profile["nickname"] or "",
            avatar=profile["avatar"] or "",
        )
        return Response(status=204)


class EventViewSet(ServiceViewSet):
    """The chat server reads what happened."""

    scope = service_keys.EVENTS
    _waiting = forks.lock()  # at most one waiting request a process

    @operation(
        "listEvents",
        "What happened after a place, in order; none is skipped and none comes twice",
        EventPageSerializer,
        examples=examples.EVENTS,
        refuses=[Throttled],
        query=[
            query("after", "`next` of the answer before.", pattern=AFTER_PATTERN, default="0"),
            query(
                "limit",
                "How many at most.",
                type_="integer",
                minimum=1,
                maximum=EVENTS_MAX,
                default=EVENTS_DEFAULT,
            ),
            query(
                "wait",
                "Seconds to wait for the first event; 429 while somebody else waits here.",
                type_="integer",
                minimum=0,
                maximum=WAIT_MAX_S,
                default=0,
            ),
        ],
    )
    def list(self, request: Request) -> Response:
        after = pages.whole(request, "after", 0, AFTER_MAX)
        limit = pages.whole(request, "limit", EVENTS_DEFAULT, EVENTS_MAX, least=1)
        wait_s = pages.whole(request, "wait", 0, WAIT_MAX_S)
        news = outbox.read(after=after, limit=limit)
        if not news and wait_s:
            if not self._waiting.acquire(blocking=False):
                raise Throttled()  # an empty page at once would be asked for again at once
            try:
                news = _wait_for(after, limit, wait_s)
            finally:
                self._waiting.release()
        return Response(
            {
                "results": [
                    {
                        "id": str(item.place),
                        "type": item.type,
                        "time": timezone.localtime(item.created_at),
                        "data": item.data,
                    }
                    for item in news
                ],
                "next": str(news[-1].place if news else after),
            }
        )


class GroupPacketViewSet(ServiceViewSet):
    """The chat server draws packets itself."""

    scope = service_keys.EVENTS  # of which it is told all there

    @operation(
        "getGroupPacket",
        "The packet as a member of its group without a share may see it",
        PacketSerializer,
        examples=examples.OF_GROUPS,
        refuses=[NotFound],
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        if not ids.is_packet_id(pk):
            raise NotFound()
        return Response(results.for_its_group(public_id=pk, now=timezone.now()))


def _wait_for(after: int, limit: int, wait_s: int) -> list[outbox.News]:
    until = time.monotonic() + wait_s
    news: list[outbox.News] = []
    while not news and time.monotonic() < until:
        time.sleep(POLL_S)
        news = outbox.read(after=after, limit=limit)
    return news


def _check(**values: str) -> None:
    for name, value in values.items():
        if not ids.is_outside_id(value):
            raise Invalid(errors={name: ["1 to 64 characters of A-Z a-z 0-9 _.:@-"]})
