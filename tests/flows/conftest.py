"""Every answer that a flow gets is held to the served schema; a live server for real clients."""

import json
import re
from functools import cache

import jsonschema_rs
import pytest
from django.test import Client

from kit.http.middleware import API
from redpacket_site.wsgi import application
from testing.make import Api
from testing.serving import serve


@cache
def served() -> dict:
    return Client().get("/api/schema", headers={"Accept": "application/json"}).json()


@cache
def routes() -> list[tuple[re.Pattern, dict]]:
    """Paths without variables first, as the router has them."""
    paths = sorted(served()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), found) for path, found in paths]


def hold_to_schema(method: str, path: str, response) -> None:
    """Status, headers, content type and body are documented; an unknown route is a 404 or 405."""
    path = path.partition("?")[0]
    methods = next((found for route, found in routes() if route.fullmatch(path)), {})
    if method not in methods:
        assert response.status_code in (404, 405), (method, path, response.status_code)
        return
    answers = methods[method]["responses"]
    assert str(response.status_code) in answers, (method, path, response.status_code)
    answer = answers[str(response.status_code)]
    for name, header in answer["headers"].items():
        assert name in response.headers or not header.get("required"), name
    if "content" not in answer:
        assert response.content == b""
        return
    content = answer["content"][response["Content-Type"]]
    check(content["schema"], response.json())


def check(schema: dict, value: object) -> None:
    _validator(json.dumps(schema)).validate(value)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Made once: that takes longer than what it is made for."""
    whole = {**json.loads(schema), "components": served()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@pytest.fixture(autouse=True)
def held_to_schema(monkeypatch):
    call = Api.call

    def checked(self, method, path, body, headers):
        response = call(self, method, path, body, headers)
        full = path if path.startswith("/") else f"{API}{path}"
        if full.startswith(API) and response.status_code != 405:
            hold_to_schema(method, full, response)
        return response

    monkeypatch.setattr(Api, "call", checked)


@pytest.fixture
def live():
    """The base URL of the real application behind a real socket."""
    with serve(lambda _django: application) as base:
        yield base
