"""What was stolen opens little, and not for long: a token, a service key, an account."""

import time

import jwt
from django.conf import settings
from django.core.management import call_command

from tests.make import Api


def test_a_token_for_a_year_opens_nothing(capsys):
    """Whoever found it in a backup had a purse for a year. What `token` prints is for a day."""
    claims = {"sub": "alice", "iat": int(time.time()), "exp": int(time.time()) + 365 * 86_400}
    stolen = jwt.encode(claims, settings.REDPACKET_JWT_SECRET, "HS256")

    answer = Api(stolen).get("wallet")
    call_command("token", "alice")
    printed = capsys.readouterr().out.strip()

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert Api(printed).get("wallet").status_code == 200
