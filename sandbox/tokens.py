"""Development tokens, HS256: production verifies by the platform's public keys alone."""

import time

import jwt
from django.conf import settings


def token(user_id: str, ttl_s: int) -> str:
    claims = {"sub": user_id, "exp": int(time.time()) + ttl_s}
    if settings.REDPACKET_JWT_ISS:
        claims["iss"] = settings.REDPACKET_JWT_ISS
    if settings.REDPACKET_JWT_AUD:
        claims["aud"] = settings.REDPACKET_JWT_AUD
    return jwt.encode(claims, settings.REDPACKET_JWT_SECRET, algorithm="HS256")
