"""Doors of /try/api/: JSON for the page at /try/ alone, whoever else asks is refused."""

import json
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from kit import ids
from packets.models import RedPacket
from sandbox.playground import GROUP, PEOPLE_MAX, TOKEN_S, crowd, feed, group_of, later, start
from sandbox.tokens import token

AFTER_MAX = 10**18 - 1
WAIT_MAX_S = 30


class _Refused(Exception):
    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


def door(view: Callable[..., JsonResponse]) -> Callable[..., JsonResponse]:
    """No cookie speaks for anybody here, so a form's token would guard nothing: the origin does."""

    @csrf_exempt
    @wraps(view)
    def run(request: HttpRequest) -> JsonResponse:
        try:
            if not _is_ours(request):
                raise _Refused(403, "for pages of this origin only")
            return view(request, _asked(request))
        except _Refused as refused:
            return JsonResponse({"error": str(refused)}, status=refused.status)

    return run


def _is_ours(request: HttpRequest) -> bool:
    """What a browser says by itself, and no page can make it say otherwise."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    own = f"{request.scheme}://{request.get_host()}"
    said = [] if origin is None else [origin == own]
    said += [] if site is None else [site == "same-origin"]
    return bool(said) and all(said)


def _asked(request: HttpRequest) -> dict:
    if request.method != "POST":
        return request.GET.dict()
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise _Refused(400, "a JSON object is wanted")
    return asked


@require_POST
@door
def start_(request: HttpRequest, asked: dict) -> JsonResponse:
    phones = asked.get("phones")
    if type(phones) is not int or not 1 <= phones <= PEOPLE_MAX:
        raise _Refused(400, f"phones: 1..{PEOPLE_MAX}")
    return JsonResponse(start.start(phones=phones, now=timezone.now()), status=201)


@require_POST
@door
def token_(request: HttpRequest, asked: dict) -> JsonResponse:
    user_id = asked.get("user_id")
    if not ids.is_outside_id(user_id) or group_of(user_id) in (None, user_id):
        raise _Refused(404, "nobody who plays here")
    return JsonResponse({"token": token(user_id, TOKEN_S)}, headers={"Cache-Control": "no-store"})


@require_GET
@door
def feed_(request: HttpRequest, asked: dict) -> JsonResponse:
    group = asked.get("group", "")
    if not GROUP.fullmatch(group):
        raise _Refused(404, "no group of those who play here")
    after = _whole(asked, "after", AFTER_MAX)
    news, last = feed.feed(group=group, after=after, wait_s=_whole(asked, "wait", WAIT_MAX_S))
    results = [
        {
            "id": str(one.place),
            "type": one.type,
            "time": timezone.localtime(one.created_at).isoformat(),
            "data": one.data,
        }
        for one in news
    ]
    return JsonResponse({"results": results, "next": str(last)})


@require_POST
@door
def crowd_(request: HttpRequest, asked: dict) -> JsonResponse:
    packet = _packet(asked)
    if not GROUP.fullmatch(packet.for_id):
        raise _Refused(404, "not to a group of those who play here")
    try:
        crowd.send(packet=packet, base=f"{request.scheme}://{request.get_host()}")
    except crowd.Running:
        raise _Refused(409, "a crowd is on its way") from None
    return JsonResponse({"bots": crowd.BOTS}, status=202)


@require_POST
@door
def later_(request: HttpRequest, asked: dict) -> JsonResponse:
    try:
        packet = later.later(packet=_packet(asked), now=timezone.now())
    except later.NotOpen:
        raise _Refused(409, "the packet is not open") from None
    return JsonResponse({"packet": packet.public_id, "return_money": f"{packet.return_money:.2f}"})


def _packet(asked: dict) -> RedPacket:
    """One that was sent to a group that plays here, or to somebody in it."""
    public_id = asked.get("packet")
    if isinstance(public_id, str) and ids.is_packet_id(public_id):
        packet = RedPacket.objects.filter(public_id=public_id).first()
        if packet and group_of(packet.for_id):
            return packet
    raise _Refused(404, "no packet of those who play here")


def _whole(asked: dict, name: str, most: int) -> int:
    given = asked.get(name, "0")
    is_whole = given.isascii() and given.isdigit() and len(given) <= len(str(most))
    if not is_whole or int(given) > most:
        raise _Refused(400, f"{name}: 0..{most}")
    return int(given)
