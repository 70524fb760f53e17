"""The lean door of the grab: as little around the verb as an answer needs (docs/hot-path.md)."""

import json
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from kit import clock, ids
from kit.http import problems
from kit.http.api import UserViewSet
from kit.http.caller import user_of
from kit.http.describe import operation
from kit.plumbing import tally
from kit.plumbing.logs import Logged
from kit.refusals import NotFound
from packets import grab
from packets.api import examples
from packets.api.serializers import GrabSerializer
from packets.refusals import NotForYou, NotIssued, OwnPacket, PacketClosed, PacketFrozen
from packets.states import Outcome
from packets.tickets import queue
from wallets.refusals import WalletFrozen


class GrabViewSet(UserViewSet):
    """POST /packets/{id}/grab: the lean door (docs/hot-path.md).

    Thousands come at once for a few shares, and most of them leave with nothing: what DRF does
    around a view (negotiation, parsers, permissions, a Response rendered later) costs more than the
    answer. The caller is read by the same code, the throttle counts in the script that decides, and
    what is left of it is told on a refusal alone.
    """

    tells_limit = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return super().dispatch(request, *args, **kwargs)
        logged = cast("Logged", request)
        try:
            caller = logged.caller = user_of(request.META.get("HTTP_AUTHORIZATION", ""))
            if not ids.is_packet_id(kwargs["pk"]):
                raise NotFound()
            result = grab.grab(public_id=kwargs["pk"], caller=caller, now=clock.now())
        except Exception as error:
            problem = problems.translate(error)
            if problem is None:
                raise
            _grab_ended(logged, problem.code)
            return problems.render(request, problem)
        _grab_ended(logged, result.outcome)
        return HttpResponse(grab_json(result), content_type="application/json")

    @operation(
        "grabPacket",
        "Take a share; losing the race is an outcome, not an error",
        GrabSerializer,
        examples=examples.GRABS,
        refuses=[
            OwnPacket,
            NotForYou,
            NotIssued,
            PacketClosed,
            PacketFrozen,
            WalletFrozen,
        ],
        is_negotiated=False,
    )
    def create(self, request: Request, pk: str) -> Response:
        raise AssertionError("unreachable: dispatch answers POST")


def _grab_ended(request: Logged, code: str) -> None:
    """All are counted; the log takes one of many where a crowd leaves with nothing."""
    tally.grab_done(code)
    request.code, request.is_refused_grab = code, code in queue.REFUSED


_WITHOUT_SHARE = {end: b'{"outcome": "%b", "share": null}' % end.encode() for end in Outcome}


def grab_json(result: grab.Grab) -> bytes:
    share = result.share
    if share is None:
        return _WITHOUT_SHARE[result.outcome]
    body = {
        "outcome": result.outcome,
        "share": {
            "money": f"{share.money:.2f}",
            "is_into_account": bool(share.is_into_account),
            "update_time": timezone.localtime(share.update_time).isoformat(),
        },
    }
    return json.dumps(body).encode()
