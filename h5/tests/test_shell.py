"""The shell of every route, its headers, and the files under the hash of what they hold."""

import re

import pytest
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client
from whitenoise.middleware import WhiteNoiseMiddleware

from h5 import files
from kit.plumbing import env

pytestmark = pytest.mark.once

ROUTES = [
    "send?for=group&id=g",
    "pay/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "orders/hbaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "packet/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "packet/rp_aaaaaaaaaaaaaaaaaaaaaaaaaa/details",
    "packet/<script>",
    "wallet",
    "wallet/topup",
    "records?tab=received&year=2026",
    "back/hbaaaaaaaaaaaaaaaaaaaaaaaaaa?out_trade_no=1&sign=x",
]


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_answers_with_the_same_small_shell(client, route):
    answer = client.get(f"/h5/{route}", headers={"authorization": "Bearer nonsense"})

    assert answer.status_code == 200
    assert len(answer.content) < 8 * 1024
    assert b"nonsense" not in answer.content and b"sign=x" not in answer.content
    assert answer["Cache-Control"] == "no-cache" and answer["ETag"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Permissions-Policy"] == "camera=(), geolocation=(), microphone=(), payment=()"
    assert not answer.cookies
    assert "X-Frame-Options" not in answer
    assert not re.search(rb"<script>|<style| style=| on\w+=", answer.content)


@pytest.mark.parametrize("route", ["", "nothing", "packet/", "packet/a/b", "wallet/", "send/x"])
def test_anything_else_is_a_plain_404(client, route):
    answer = client.get(f"/h5/{route}")

    assert answer.status_code == 404
    assert answer["X-Frame-Options"] == "DENY"


def test_the_policy_is_the_contracts(client, settings):
    settings.REDPACKET_H5_ORIGINS = ["https://chat.example", "https://m.example:8443"]
    settings.REDPACKET_AVATAR_ORIGINS = ["https://faces.example"]
    policy = client.get("/h5/wallet")["Content-Security-Policy"]

    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data: https://faces.example; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'self' https://chat.example https://m.example:8443; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def test_in_production_nobody_frames_it_but_those_who_are_named(client, settings):
    settings.PRODUCTION = True
    assert "frame-ancestors 'none';" in client.get("/h5/wallet")["Content-Security-Policy"]
    assert b'name="hongbao-origins" content=""' in client.get("/h5/wallet").content

    settings.REDPACKET_H5_ORIGINS = ["https://chat.example"]
    answer = client.get("/h5/wallet")

    assert "frame-ancestors https://chat.example;" in answer["Content-Security-Policy"]
    assert b'name="hongbao-origins" content="https://chat.example"' in answer.content


def test_what_has_not_changed_is_304_with_the_same_headers(client):
    first = client.get("/h5/wallet")

    again = client.get("/h5/wallet", headers={"if-none-match": first["ETag"]})

    assert again.status_code == 304 and not again.content
    for name in ("Content-Security-Policy", "Cache-Control", "Referrer-Policy", "ETag"):
        assert again[name] == first[name]
    assert "X-Frame-Options" not in again


def test_unionpays_form_is_answered_with_the_page_and_nothing_of_it_is_kept(client):
    answer = Client(enforce_csrf_checks=True).post("/h5/back/hb1?x=1", {"respCode": "00"})

    assert (answer.status_code, answer["Location"]) == (303, "/h5/back/hb1")
    assert not answer.cookies
    assert client.post("/h5/wallet").status_code == 405


# --- files


def test_collected_files_are_compressed_and_kept_for_ever(client, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", "--no-input", verbosity=0)
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/h5/wallet").content.decode())
    noise = WhiteNoiseMiddleware(lambda request: None, settings=settings)

    assert named
    for url in named:
        answer = _ask(noise, url)
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        content = b"".join(answer.streaming_content)
        assert content == (files.PAGES / url.rpartition("/")[2]).read_bytes()
    zipped = _ask(noise, files.url("texts.js"), HTTP_ACCEPT_ENCODING="gzip")
    assert zipped["Content-Encoding"] == "gzip"
    assert "immutable" not in _ask(noise, "/static/hongbao/admin.css")["Cache-Control"]
    zipped.close()


def _ask(noise, url, **headers):
    request = Client().get("/h5/wallet", **headers).wsgi_request
    request.path_info = url
    return noise(request)


def test_changed_content_has_another_path(tmp_path):
    (tmp_path / "a.js").write_text("1")
    first = files.digest_of(tmp_path)
    (tmp_path / "a.js").write_text("2")
    second = files.digest_of(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")

    assert len({first, second, files.digest_of(tmp_path)}) == 3


# --- settings


@pytest.mark.parametrize(
    "value",
    ["http://chat.example", "https://*.example", "https://a/b", "https://a;script-src", "a.example",
     "https://a:port", "https://a:99999", "https://u@a", "https://a/", "'self'", "https://a b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(monkeypatch, value):
    monkeypatch.setenv("X", f"https://good.example,{value}")

    with pytest.raises(ImproperlyConfigured, match=r"^X "):
        env.origins("X", ("https",))


def test_an_origin_is_kept_as_a_browser_spells_it(monkeypatch):
    monkeypatch.setenv("X", " https://Chat.Example:443 ,http://127.0.0.1:8000,https://[::1]:1")

    assert env.origins("X", ("https", "http")) == [
        "https://chat.example",
        "http://127.0.0.1:8000",
        "https://[::1]:1",
    ]


def test_the_pages_are_in_production_too():
    assert "h5" in project.INSTALLED_APPS
