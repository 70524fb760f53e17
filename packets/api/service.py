"""The chat server's doors: members, profiles, events, packets."""

import re
import time
from collections.abc import Collection

from rest_framework.request import Request
from rest_framework.response import Response

from kit import clock, ids, outbox
from kit.http import pages, service_keys
from kit.http.api import ServiceViewSet, validated
from kit.http.describe import limited, operation, query
from kit.plumbing import forks
from kit.refusals import Invalid, NotFound, Throttled
from packets import members, profiles
from packets.api import examples, results
from packets.api.serializers import (
    EVENT_TYPES,
    EventPageSerializer,
    MembersSerializer,
    PacketSerializer,
    ProfileSerializer,
)

EVENTS_DEFAULT, EVENTS_MAX = 100, 1000
AFTER_MAX, LATEST = 10**18 - 1, "latest"
AFTER_PATTERN = f"^([0-9]{{1,18}}|{LATEST})$"
_TYPE = f"({'|'.join(map(re.escape, EVENT_TYPES))})"
TYPES_PATTERN = f"^{_TYPE}(,{_TYPE}){{0,{len(EVENT_TYPES) - 1}}}$"
_TYPES = re.compile(TYPES_PATTERN)
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
            query(
                "after",
                f"`next` of the answer before; `{LATEST}`: nothing old, `next` is where news"
                " begins.",
                pattern=AFTER_PATTERN,
                default="0",
            ),
            query(
                "types",
                "Only these, with commas between them; `next` moves on past the others, so a page"
                " without results may lead to one that has some.",
                pattern=TYPES_PATTERN,
            ),
            limited(EVENTS_DEFAULT, EVENTS_MAX),
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
        limit = pages.whole(request, "limit", EVENTS_DEFAULT, EVENTS_MAX, least=1)
        wait_s = pages.whole(request, "wait", 0, WAIT_MAX_S)
        types, after = _types(request), _after(request)
        page = outbox.page(after=after, limit=limit, types=types)
        if not page.news and wait_s:
            if not self._waiting.acquire(blocking=False):
                raise Throttled()  # an empty page at once would be asked for again at once
            try:
                page = wait_for(page.next, limit, types, wait_s)
            finally:
                self._waiting.release()
        return Response(EventPageSerializer(page).data)


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
        return Response(results.for_its_group(public_id=pk, now=clock.now()))


def _after(request: Request) -> int:
    if request.query_params.get("after") == LATEST:
        return outbox.latest()
    return pages.whole(request, "after", 0, AFTER_MAX)


def _types(request: Request) -> Collection[str]:
    """Those asked for; empty for all."""
    given = request.query_params.get("types")
    if given is None:
        return ()
    if not _TYPES.fullmatch(given):
        raise Invalid(errors={"types": [", ".join(EVENT_TYPES)]})
    return set(given.split(","))


def wait_for(after: int, limit: int, types: Collection[str], wait_s: int) -> outbox.Page:
    until = time.monotonic() + wait_s
    while True:
        page = outbox.page(after=after, limit=limit, types=types)
        if page.news or time.monotonic() >= until:
            return page
        if page.next == after:
            time.sleep(POLL_S)
        after = page.next


def _check(**values: str) -> None:
    for name, value in values.items():
        if not ids.is_outside_id(value):
            raise Invalid(errors={name: ["1 to 64 characters of A-Z a-z 0-9 _.:@-"]})
