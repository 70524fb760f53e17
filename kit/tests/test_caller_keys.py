"""The platform's keys: read from a file, rotated while running, never taken from a token."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.exceptions import ImproperlyConfigured

from kit.http import caller
from kit.http.caller import Caller, load_keys
from kit.http.problems import Unauthenticated

pytestmark = pytest.mark.once
PRIVATE = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def jwk(algorithm: str, kid: str, **more) -> dict:
    public = PRIVATE[algorithm].public_key()
    return json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(public)) | {"kid": kid} | more


def token(algorithm: str, kid: str | None = None, user="u1") -> str:
    claims = {"sub": user, "exp": int(time.time()) + 60}
    headers = {"kid": kid} if kid else {}
    return jwt.encode(claims, PRIVATE[algorithm], algorithm=algorithm, headers=headers)


@pytest.fixture
def tokens(tmp_path, settings):
    """Verifies by the file alone; `write` is the platform's rotation."""
    path = tmp_path / "keys"
    settings.REDPACKET_JWT_KEYS, settings.REDPACKET_JWT_SECRET = str(path), ""
    verifier = caller.Tokens()

    def write(content) -> None:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        verifier.look_again(anew=True)

    verifier.write = write
    return verifier


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_the_key_names_the_algorithm(tokens, tmp_path, algorithm):
    tokens.write(pem(PRIVATE[algorithm]))

    (key,) = load_keys(str(tmp_path / "keys"), "")

    assert (key.kid, key.algorithm) == (None, algorithm)
    assert tokens.caller(token(algorithm)) == Caller("u1")
    for other in set(PRIVATE) - {algorithm}:
        with pytest.raises(Unauthenticated):
            tokens.caller(token(other))


def test_several_keys_by_kid(tokens):
    tokens.write({"keys": [jwk("RS256", "a"), jwk("EdDSA", "b", use="sig", alg="EdDSA")]})

    assert tokens.caller(token("RS256", "a")) == Caller("u1")
    assert tokens.caller(token("EdDSA", "b")) == Caller("u1")
    for kid in ("b", "unknown"):
        with pytest.raises(Unauthenticated):
            tokens.caller(token("RS256", kid))


def test_key_for_encryption_is_passed_over(tokens):
    tokens.write({"keys": [jwk("RS256", "e", use="enc", alg="RSA-OAEP"), jwk("EdDSA", "b")]})

    assert tokens.caller(token("EdDSA", "b")) == Caller("u1")
    with pytest.raises(Unauthenticated):
        tokens.caller(token("RS256", "e"))


def test_rotation_is_seen_and_remembered_tokens_go_with_their_key(tokens):
    tokens.write({"keys": [jwk("RS256", "a")]})
    old = token("RS256", "a")
    tokens.caller(old)

    tokens.write({"keys": [jwk("EdDSA", "b")]})

    assert tokens.caller(token("EdDSA", "b")) == Caller("u1")
    with pytest.raises(Unauthenticated):
        tokens.caller(old)


def test_rotation_that_went_wrong_locks_nobody_out(tokens, tmp_path):
    tokens.write({"keys": [jwk("RS256", "a")]})
    tokens.caller(token("RS256", "a"))

    tokens.write(b"half a fi")
    assert tokens.caller(token("RS256", "a", "u2")) == Caller("u2")
    (tmp_path / "keys").unlink()
    tokens.look_again()
    assert tokens.caller(token("RS256", "a", "u3")) == Caller("u3")


def during_the_first_load(tokens, monkeypatch, second, is_answered: bool):
    """Two ask a process that has just started; the second one while the keys are being read. It is
    answered meanwhile, or waits for them: that it does shows in its answer."""
    tokens.write(pem(PRIVATE["EdDSA"]))
    reading, go_on = threading.Event(), threading.Event()

    def slowly(*args):
        reading.set()
        assert go_on.wait(30)
        return load_keys(*args)

    monkeypatch.setattr(caller, "load_keys", slowly)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(tokens.caller, token("EdDSA"))
        assert reading.wait(30)
        other = threads.submit(second)
        wait([other], timeout=60 if is_answered else 0.2)
        go_on.set()
        return first.result(30), other


def test_who_comes_while_the_first_keys_are_read_waits_for_them(tokens, monkeypatch):
    ask = lambda: tokens.caller(token("EdDSA", user="u2"))  # noqa: E731

    first, other = during_the_first_load(tokens, monkeypatch, ask, is_answered=False)

    assert (first, other.result(30)) == (Caller("u1"), Caller("u2"))


def test_who_comes_while_the_first_keys_are_read_without_the_wait(tokens, monkeypatch):
    """The look was marked as done before it was: a genuine token was turned away."""
    refresh = caller.Tokens.refresh

    def not_waiting(self):
        if not self._lock.locked():
            refresh(self)

    monkeypatch.setattr(caller.Tokens, "refresh", not_waiting)
    ask = lambda: tokens.caller(token("EdDSA", user="u2"))  # noqa: E731

    _, other = during_the_first_load(tokens, monkeypatch, ask, is_answered=True)

    with pytest.raises(Unauthenticated):
        other.result(30)


def test_a_rotation_keeps_nobody_waiting(tokens, monkeypatch):
    tokens.write({"keys": [jwk("EdDSA", "a")]})
    tokens.caller(token("EdDSA", "a"))
    tokens.write({"keys": [jwk("EdDSA", "a"), jwk("RS256", "b")]})
    seen = []

    def read_while_somebody_asks(*args):
        with ThreadPoolExecutor(1) as thread:
            seen.append(thread.submit(tokens.caller, token("EdDSA", "a", "u2")).result(30))
        return load_keys(*args)

    monkeypatch.setattr(caller, "load_keys", read_while_somebody_asks)

    assert tokens.caller(token("RS256", "b")) == Caller("u1")
    assert seen == [Caller("u2")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        json.dumps({"keys": [jwk("RS256", "a", d="AQAB")]}).encode(),
    ],
)
def test_file_without_a_public_key_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "keys").write_bytes(content)

    with pytest.raises(ImproperlyConfigured, match="REDPACKET_JWT_KEYS"):
        load_keys(str(tmp_path / "keys"), "")


def test_secret_alone_means_hs256():
    (key,) = load_keys("", "s" * 32)

    assert (key.kid, key.algorithm) == (None, "HS256")
    assert load_keys("", "") == []
