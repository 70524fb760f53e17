"""Who is calling: tokens of every algorithm, by JWKS and PEM, rotated, forged and expired."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from kit.http import caller
from kit.http.caller import Caller
from testing.make import Api

pytestmark = pytest.mark.once

RSA = rsa.generate_private_key(65537, 2048)
KEYS = {
    "RS256": (RSA, RSAAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
}


def pem(private) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(algorithm: str, kid: str, private=None) -> dict:
    own, kind = KEYS[algorithm]
    return kind.to_jwk((private or own).public_key(), as_dict=True) | {"kid": kid}


def sign(algorithm="RS256", *, private=None, kid=None, **claims) -> str:
    claims = {"sub": "alice", "exp": int(time.time()) + 60} | claims
    claims = {name: value for name, value in claims.items() if value is not None}
    key = private or KEYS[algorithm][0]
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else None)


@pytest.fixture
def keys(settings, tmp_path):
    """keys(content) puts the platform's key file in place, as a rotation does."""
    file = tmp_path / "keys"
    settings.REDPACKET_JWT_KEYS = str(file)

    def put(content: bytes | list[dict]) -> None:
        if isinstance(content, list):
            content = json.dumps({"keys": content}).encode()
        file.write_bytes(content)
        caller.tokens.look_again(anew=True)

    return put


def status(token: str) -> int:
    return Api(token).get("wallet").status_code


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm_by_jwks_and_by_pem(keys, algorithm):
    token = sign(algorithm, kid="k1")

    keys([jwk(algorithm, "k1")])
    assert status(token) == 200
    keys(pem(KEYS[algorithm][0]))
    assert status(token) == 200
    keys(b"".join(pem(private) for private, _ in KEYS.values()))
    assert status(token) == 200
    other = next(name for name in KEYS if name != algorithm)
    keys(pem(KEYS[other][0]))
    assert status(token) == 401


def test_keys_rotate_by_kid(keys):
    old, new = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    by_old, by_new = sign(private=old, kid="old"), sign(private=new, kid="new")

    keys([jwk("RS256", "old", old)])
    assert (status(by_old), status(by_new)) == (200, 401)
    keys([jwk("RS256", "old", old), jwk("RS256", "new", new)])
    assert (status(by_old), status(by_new)) == (200, 200)
    assert status(sign(private=new, kid="old")) == 401  # the other key's name
    assert status(sign(private=new)) == 200  # no name: whichever fits
    keys([jwk("RS256", "new", new)])
    assert (status(by_old), status(by_new)) == (401, 200)
    assert status(sign(private=new, kid="unknown")) == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 1e400},
        {"nbf": 4102444800},
        {"sub": None},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": "群"},
        {"sub": "x" * 65},
    ],
)
def test_bad_claims(keys, claims):
    keys(pem(RSA))

    assert status(sign()) == 200
    assert status(_encode(claims)) == 401


@pytest.mark.parametrize(
    ("claim", "at", "expected"),
    [
        ("iat", 2, 200),
        ("iat", 4, 200),
        ("iat", 60, 401),
        ("nbf", 2, 200),
        ("nbf", 60, 401),
        ("exp", -2, 200),
        ("exp", -6, 401),
    ],
)
def test_clocks_may_differ_by_seconds(keys, claim, at, expected):
    """Not by more: whoever's clock is a minute ahead has to set it."""
    keys(pem(RSA))

    assert status(sign(**{claim: int(time.time()) + at})) == expected


DAY = 86_400


@pytest.mark.parametrize(
    ("iat", "exp", "expected"),
    [
        (0, DAY, 200),
        (0, DAY + 4, 200),  # a clock that is off by seconds
        (0, DAY + 60, 401),
        (-DAY, 60, 401),
        (-DAY, 0, 200),  # its very end
        (-30 * DAY, 60, 401),  # made for a month, and nearly over
        (None, DAY - 60, 200),
        (None, DAY + 60, 401),
        (None, 365 * DAY, 401),
    ],
)
def test_a_token_for_longer_than_a_day_is_refused(keys, iat, exp, expected):
    keys(pem(RSA))
    now = int(time.time())

    assert status(sign(iat=iat if iat is None else now + iat, exp=now + exp)) == expected


def test_the_longest_life_is_a_setting(keys, settings):
    keys(pem(RSA))
    now = int(time.time())
    settings.REDPACKET_TOKEN_LIFE_S = 600

    assert status(sign(iat=now, exp=now + 600)) == 200
    assert status(sign(iat=now, exp=now + 700)) == 401
    assert status(sign(iat="soon", exp=now + 60)) == 401


def _encode(claims: dict) -> str:
    """As sign() does, also what PyJWT itself would not sign."""
    try:
        return sign(**claims)
    except (TypeError, ValueError, OverflowError):
        whole = {"sub": "alice", "exp": int(time.time()) + 60} | claims
        return jwt.api_jws.encode(json.dumps(whole).encode(), RSA, "RS256")


def test_issuer_and_audience_when_configured(keys, settings):
    keys(pem(RSA))
    settings.REDPACKET_JWT_ISS, settings.REDPACKET_JWT_AUD = "chat", "hongbao"

    assert status(sign(iss="chat", aud="hongbao")) == 200
    assert status(sign(iss="chat", aud=["other", "hongbao"])) == 200
    for claims in (
        {},
        {"iss": "chat"},
        {"aud": "hongbao"},
        {"iss": "evil", "aud": "hongbao"},
        {"iss": "chat", "aud": "evil"},
    ):
        assert status(sign(**claims)) == 401


def test_algorithm_comes_from_the_key_not_from_the_token(keys, settings):
    keys(pem(RSA))
    settings.REDPACKET_JWT_SECRET = ""  # as in production
    claims = {"sub": "alice", "exp": int(time.time()) + 60}

    assert status(jwt.encode(claims, None, "none")) == 401
    # HS256 "signed" by the public key, which everybody has.
    part = jwt.api_jws.encode(json.dumps(claims).encode(), None, "none").split(".")[1]
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}').decode()
    signed = f"{header}.{part}"
    import hashlib
    import hmac

    mac = hmac.new(pem(RSA), signed.encode(), hashlib.sha256).digest()
    assert status(f"{signed}.{jwt.utils.base64url_encode(mac).decode()}") == 401
    assert status(jwt.encode(claims, "x" * 40, "HS256")) == 401
    assert status(sign("RS256")[:-4] + "AAAA") == 401
    assert status(jwt.encode(claims, RSA, "RS512")) == 401


def test_a_token_is_verified_once_and_believed_until_it_ends(keys, monkeypatch):
    keys(pem(RSA))
    ends = int(time.time()) + 60
    token = sign(exp=ends)
    verified = []
    decode = jwt.decode

    def counted(one, *args, **options):
        verified.append(one)
        return decode(one, *args, **options)

    monkeypatch.setattr(jwt, "decode", counted)

    assert status(token) == 200
    asked = len(verified)
    assert status(token) == 200

    assert len(verified) == asked > 0

    young = caller.tokens._verified._young
    assert young[token] == (Caller("alice"), ends)
    young[token] = (Caller("alice"), 0.0)  # it has ended; whether that is so, is asked of the token
    assert status(token) == 200
    assert len(verified) == 2 * asked


def test_an_ended_token_is_not_believed(keys):
    keys(pem(RSA))
    token = sign(exp=int(time.time()) - 2 * caller.LEEWAY_S)
    caller.tokens.refresh()
    caller.tokens._verified.put(token, Caller("alice"), time.time() - caller.LEEWAY_S)

    assert status(token) == 401


def test_what_is_asked_for_stays_when_many_tokens_come(monkeypatch):
    monkeypatch.setattr(caller, "REMEMBERED_MAX", 8)
    verified, until = caller._Verified(), time.time() + 60
    verified.put("regular", Caller("regular"), until)

    for number in range(40):
        verified.put(f"passing{number}", Caller(f"u{number}"), until)
        assert verified.get("regular") == Caller("regular")

    assert len(verified._young) + len(verified._old) <= 8
    assert verified.get("passing0") is None


def test_private_key_is_not_shown_nor_taken(keys, caplog):
    """A rotation that went wrong: the key in force stays, and the log holds nothing secret."""
    keys(pem(RSA))
    assert status(sign()) == 200
    other = rsa.generate_private_key(65537, 2048)
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys(private)

    assert status(sign(private=other)) == 401
    assert status(sign()) == 200

    assert "no PEM public key" in caplog.text
    assert private.splitlines()[1].decode() not in caplog.text
