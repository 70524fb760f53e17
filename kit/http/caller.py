"""Who is calling: a chat user by the platform's JWT, or the chat server by its key (Spec 2.1)."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jwt
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from kit import clock
from kit.http import address, service_keys
from kit.http.problems import Unauthenticated
from kit.ids import is_outside_id
from kit.plumbing import forks
from kit.refusals import Forbidden

log = structlog.get_logger(__name__)

REMEMBERED_MAX = 20_000  # tokens, of half a kilobyte each
KEYS_LOOKED_AT_S = 5  # how often the key file is checked for a rotation
TOKEN_BYTES_MAX = 4096
# How far the platform's clock may be from ours, for iat, nbf and exp: machines that keep time are
# apart by less than a second, and a token of this very moment must not be from the future.
LEEWAY_S = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """A chat user: the `sub` of a verified token."""

    user_id: str
    is_authenticated = True


@dataclass(frozen=True, slots=True)
class Service:
    """The chat server itself, by a key for these scopes."""

    scopes: frozenset[str]
    is_authenticated = True


def caller_of(request: Request) -> Caller:
    """Who asks, at a door for the app's users: nobody else comes through UserAuthentication."""
    return cast("Caller", request.user)


class UserAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`; the service key is refused here with 403."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        return user_of(header), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="hongbao"'


class ServiceAuthentication(BaseAuthentication):
    """`Authorization: Bearer <service key>`, from an address of the chat server's; a user's token
    is refused here with 403."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        token = _bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if scopes := service_keys.scopes_of(token):
            allowed = settings.REDPACKET_SERVICE_FROM
            if allowed and not address.is_among(request, allowed):
                log.warning("service_key_from_elsewhere", ip=address.of(request))
                raise Forbidden()
            return Service(scopes), None
        tokens.caller(token)  # 401 when it is no user's token either
        raise Forbidden()

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="hongbao"'


def user_of(header: str) -> Caller:
    token = _bearer(header)
    try:
        return tokens.caller(token)
    except Unauthenticated:
        if service_keys.scopes_of(token):
            raise Forbidden() from None
        raise


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > TOKEN_BYTES_MAX:
        raise Unauthenticated()
    return token


@dataclass(frozen=True, slots=True)
class Key:
    """One verification key; the algorithm comes from the key, never from a token's header."""

    kid: str | None
    algorithm: str
    key: Any


class _Verified:
    """Who the exact tokens stand for that were verified by the keys in force, and until when.

    What is asked for stays: half of it is dropped at a time, the half that nobody has asked for
    since the other one was empty (docs/decisions/0042).

    Races:   changed by single dict operations; a lost entry only costs a second verification.
    """

    def __init__(self) -> None:
        self._young: dict[str, tuple[Caller, float]] = {}
        self._old: dict[str, tuple[Caller, float]] = {}

    def get(self, token: str) -> Caller | None:
        found = self._young.get(token)
        if found is None:
            found = self._old.get(token)
            if found is None:
                return None
            self.put(token, *found)
        caller, until = found
        return caller if until > clock.timestamp() else None

    def put(self, token: str, caller: Caller, until: float) -> None:
        if len(self._young) >= REMEMBERED_MAX // 2:
            self._young, self._old = {}, self._young
        self._young[token] = caller, until


def _span(claims: dict[str, Any]) -> tuple[float, float, float]:
    """When a token was made, from when it holds, and until when. Raises: ValueError, TypeError."""
    expiry = float(int(claims["exp"]))
    began = float(claims.get("iat", clock.timestamp()))
    return began, max(began, float(int(claims.get("nbf", began)))), expiry


class Tokens:
    """Verifies JWTs, each of them once: until it ends it is remembered, with the keys in force."""

    def __init__(self) -> None:
        self._verified = _Verified()
        self._keys: list[Key] = []
        self._stamp: tuple | None = None
        self._looked_at = -KEYS_LOOKED_AT_S - 1.0
        self._lock = forks.lock()

    def caller(self, token: str) -> Caller:
        """The token's user, or Unauthenticated (401)."""
        self.refresh()
        verified = self._verified  # this one: what an old key verified goes with the old key
        if caller := verified.get(token):
            return caller
        caller, until = self._verify(token)
        verified.put(token, caller, until)
        return caller

    def _verify(self, token: str) -> tuple[Caller, float]:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            raise Unauthenticated() from None
        for key in self._keys:
            if kid is not None and key.kid is not None and kid != key.kid:
                continue
            try:
                claims = jwt.decode(
                    token,
                    key.key,
                    algorithms=[key.algorithm],
                    issuer=settings.REDPACKET_JWT_ISS or None,
                    audience=settings.REDPACKET_JWT_AUD or None,
                    options={
                        "require": ["exp", "sub"],
                        "verify_aud": bool(settings.REDPACKET_JWT_AUD),
                        # By the clock that all machines share, below.
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                    },
                )
                began, begins, expiry = _span(claims)
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
                continue
            if not begins - LEEWAY_S <= clock.timestamp() < expiry + LEEWAY_S:
                continue
            if not expiry - began <= settings.REDPACKET_TOKEN_LIFE_S + LEEWAY_S:
                log.warning("token_lives_too_long", life_s=expiry - began)
                continue
            if is_outside_id(claims["sub"]):
                return Caller(claims["sub"]), expiry
        raise Unauthenticated()

    def look_again(self, *, anew: bool = False) -> None:
        """The next one who asks looks at the file; `anew`: reads it, changed or not."""
        self._looked_at = -KEYS_LOOKED_AT_S - 1.0
        if anew and self._stamp:
            self._stamp = (*self._stamp[:1], 0, "")

    def refresh(self) -> None:
        """Look at the key file now and then.

        Races: the first to come looks. Who comes meanwhile goes on by the keys in force or, when
               there are none yet, waits: a process that has just started turns nobody away.
        """
        if self._is_fresh() or not self._lock.acquire(blocking=self._stamp is None):
            return
        try:
            if not self._is_fresh():
                self._look()
        finally:
            self._lock.release()

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._looked_at < KEYS_LOOKED_AT_S

    def _look(self) -> None:
        path = settings.REDPACKET_JWT_KEYS
        try:
            written = path and Path(path).stat().st_mtime_ns
            stamp = (path, written, settings.REDPACKET_JWT_SECRET)
            if stamp != self._stamp:
                self._keys = load_keys(path, settings.REDPACKET_JWT_SECRET)
                self._verified = _Verified()
                self._stamp = stamp
        except (OSError, ImproperlyConfigured) as error:
            # A rotation that went wrong: whoever could log in still can.
            log.error("jwt_keys_unreadable", error=str(error))
        self._looked_at = time.monotonic()


def load_keys(path: str, secret: str) -> list[Key]:
    """Keys of a JWKS or PEM file and, in development, the HS256 secret."""
    keys = [Key(None, "HS256", secret)] if secret else []
    if not path:
        return keys
    try:
        content = Path(path).read_bytes()
        if content.lstrip().startswith(b"{"):
            jwks = [jwk for jwk in json.loads(content)["keys"] if jwk.get("use", "sig") == "sig"]
            return keys + _some([_from_jwk(jwk) for jwk in jwks])
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        parts = content.split(b"-----BEGIN ")[1:]
        pems = [load_pem_public_key(b"-----BEGIN " + part) for part in parts]
        return keys + _some([_from_public(pem) for pem in pems])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ImproperlyConfigured(
            f"REDPACKET_JWT_KEYS: {path} holds no JWKS and no PEM public key ({error})."
        ) from error


def _some(keys: list[Key]) -> list[Key]:
    if not keys:
        raise ValueError("no key to verify with")
    return keys


def _from_jwk(jwk: dict) -> Key:
    if "d" in jwk:
        raise ValueError("a private key has no business here")
    key = jwt.PyJWK(jwk, algorithm=None if jwk.get("alg") else _algorithm_of_jwk(jwk))
    if key.algorithm_name not in ("RS256", "ES256", "EdDSA"):
        raise ValueError(f"algorithm {key.algorithm_name} is not accepted")
    return Key(jwk.get("kid"), key.algorithm_name, key.key)


def _algorithm_of_jwk(jwk: dict) -> str:
    return {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[jwk["kty"]]


def _from_public(key: Any) -> Key:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    for kind, algorithm in (
        (rsa.RSAPublicKey, "RS256"),
        (ec.EllipticCurvePublicKey, "ES256"),
        (ed25519.Ed25519PublicKey, "EdDSA"),
    ):
        if isinstance(key, kind):
            return Key(None, algorithm, key)
    raise ValueError("the key is neither RSA, EC nor Ed25519")


tokens = Tokens()
