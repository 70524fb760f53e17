"""GET /api/problems/{code}: the address in a refusal's `type`: what happened, and what to do, in
two languages. The same bytes for everybody.

Its headers are set here, on whichever answer it becomes (h5/views.py says why).
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from h5 import files
from kit import refusals
from kit.http import problems
from kit.refusals import Problem
from packets import refusals as of_packets
from payments import refusals as of_payments
from wallets import refusals as of_wallets

# What a developer, or the user in front of his app, can do about each.
ADVICE: dict[type[Problem], Any] = {
    refusals.Invalid: _("Look into errors: it names each field and says what it takes."),
    problems.Malformed: _(
        "Send JSON in UTF-8 without NUL, half characters or deep nesting, and cursors as they came."
    ),
    problems.KeyMissing: _(
        "Make up one key for each thing that the user wants, and send the same one whenever you"
        " send that again."
    ),
    problems.Unauthenticated: _("Get a new token from the chat platform, and ask again with it."),
    refusals.Forbidden: _(
        "Users' tokens are for users' addresses, the chat server's key for those below /service;"
        " a key may be for some of them alone."
    ),
    of_wallets.WalletFrozen: _(
        "Nothing can be paid or taken with it until support unfreezes it; what is owed to it still"
        " arrives."
    ),
    of_packets.PacketFrozen: _("Nothing can be taken from it until support unfreezes it."),
    refusals.NotFound: _(
        "Check the id. What is not for this user, or no longer, cannot be told apart from what"
        " does not exist."
    ),
    problems.MethodNotAllowed: _("The header Allow names the methods that are."),
    problems.NotAcceptable: _("Leave the header Accept out, or let it take application/json."),
    problems.TooLarge: _("Send 64 KiB at most, and 4 MiB below /service."),
    problems.UnsupportedMediaType: _("Name the body's type, and let the body be JSON."),
    of_packets.NotIssued: _("Wait until its sender has paid, then try again."),
    of_wallets.InsufficientBalance: _(
        "Nothing was moved. Top up, or pay another way; the same Idempotency-Key may be used again."
    ),
    of_payments.AlreadyPaid: _("Nothing is left to do: read the packet, and show it."),
    of_packets.PacketClosed: _("It was never paid in time and stays closed: send a new one."),
    of_packets.OwnPacket: _("It is for the other one to take."),
    of_packets.NotForYou: _("Only those whom it names can take it; show it without a button."),
    of_payments.OrderClosed: _(
        "Pay again, which makes a new order. Money that arrives for the old one is not lost."
    ),
    problems.InFlight: _("Send the same request with the same key again in a second."),
    of_payments.ChannelUnavailable: _("Offer one of the channels that GET /session names."),
    problems.KeyReused: _("Take a new key for a new request; keep the old one for its repeats."),
    refusals.Throttled: _(
        "Wait as many seconds as Retry-After says. Whoever has too much unpaid pays some of it, or"
        " waits until it closes."
    ),
    refusals.Unavailable: _(
        "Wait as many seconds as Retry-After says, and send the same request with the same key:"
        " nothing happens twice."
    ),
}
PROBLEMS = {problem.code: problem for problem in ADVICE}
LANGUAGES = ("zh-hans", "en")
HEADERS = {
    "Cache-Control": "no-cache",  # kept, and asked for by its ETag
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@require_safe
def page(request: HttpRequest, code: str) -> HttpResponse:
    if code not in PROBLEMS:
        raise Http404
    body, etag = written(code)
    fresh = HttpResponse(body, headers={"ETag": etag})
    response = get_conditional_response(request, etag, response=fresh) or fresh
    for name, value in HEADERS.items():
        response[name] = value
    return response


@lru_cache(maxsize=len(ADVICE))
def written(code: str) -> tuple[bytes, str]:
    """The page and its ETag."""
    problem = PROBLEMS[code]
    told = {}
    for language in LANGUAGES:
        with translation.override(language):
            told[language.partition("-")[0]] = {
                "title": str(problem.title),
                "detail": str(problem.detail),
                "advice": str(ADVICE[problem]),
            }
    facts = {"code": code, "status": problem.status, "style": files.url("welcome.css"), **told}
    body = render_to_string("h5/problem.html", facts).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'
