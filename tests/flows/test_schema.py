"""The served schema: valid, true, and good enough to make a client from."""

import importlib
import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import jsonschema_rs
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from kit.http import problems, schema
from packets.api import examples
from packets.api.serializers import EVENT_TYPES
from packets.states import KIND_OF, Kind, Outcome
from testing.make import make_group, make_paid_packet, make_wallet, service, user
from tests.flows.conftest import check, served

pytestmark = pytest.mark.once

# Every code of the contract but `method_not_allowed`, which no documented method answers.
CODES = {
    *("validation_error", "malformed", "idempotency_key_missing", "unauthenticated", "forbidden"),
    *("wallet_frozen", "packet_frozen", "not_found", "not_acceptable", "too_large"),
    *("unsupported_media_type", "not_issued", "insufficient_balance", "already_paid"),
    *("packet_closed", "own_packet", "not_for_you", "order_closed", "idempotency_in_flight"),
    *("channel_unavailable_for_purpose", "idempotency_key_reused", "throttled", "unavailable"),
}


def operations():
    return [
        (path, method, operation)
        for path, methods in served()["paths"].items()
        for method, operation in methods.items()
    ]


def test_schema_is_valid_and_complete():
    schema.made.cache_clear()
    written = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)

    assert written.getvalue().startswith("openapi: 3.1")


@pytest.mark.parametrize(
    "question",
    ["", "?lang=zh-hans", "?lang=zh-hans.p1", "?version=%0a", "?version=2", "?format=x&a=%00"],
)
def test_schema_is_one_text_whatever_is_asked(question):
    get = Client().get
    plain = get("/api/schema")

    for headers in ({"Accept-Language": "zh-Hans"}, {"Accept-Language": "en"}):
        asked = get(f"/api/schema{question}", headers=headers)

        assert (asked.status_code, asked.content) == (200, plain.content)
        assert asked["ETag"] == plain["ETag"]
    assert schema.written.cache_info().currsize <= 2


def test_schema_that_is_known_is_not_sent_again():
    get = Client().get
    first = get("/api/schema", headers={"Accept": "application/json"})

    again = get(
        "/api/schema", headers={"Accept": "application/json", "If-None-Match": first["ETag"]}
    )
    as_yaml = get("/api/schema", headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, first["Content-Type"]) == (200, "application/json")
    assert (again.status_code, again.content) == (304, b"")
    assert (as_yaml.status_code, as_yaml.content[:11]) == (200, b"openapi: 3.")


def test_schema_is_made_once_for_many_at_a_time():
    """Its extensions are loaded lazily: two who are the first to ask must not trip over it."""
    schema.made.cache_clear()
    schema.written.cache_clear()
    at_once = threading.Barrier(8)

    def ask(_):
        at_once.wait(30)
        return Client().get("/api/schema", headers={"Accept": "application/json"})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("question", ["?lang=a%0ab", "?version=%0a", "?script=&lang=%00"])
def test_docs_page_takes_any_question(question):
    assert Client().get(f"/api/docs{question}").status_code == 200


def test_every_example_has_its_own_shape():
    found = 0
    for _, _, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for content in body.get("content", {}).values():
                assert content["examples"]
                for example in content["examples"].values():
                    check(content["schema"], example["value"])
                    found += 1
    assert found > 150


def test_every_word_is_explained():
    """A field's name means one thing (redpacket_site/openapi.py)."""
    mute = [
        f"{name}.{field}"
        for name, shape in served()["components"]["schemas"].items()
        for field, found in shape.get("properties", {}).items()
        if not found.get("description")
    ]
    shapes = served()["components"]["schemas"]
    mute += [name for name, shape in shapes.items() if not shape.get("description")]
    assert mute == []
    for path, method, operation in operations():
        assert operation["description"] and operation["summary"], (method, path)
        assert all(
            one.get("description") for one in operation["parameters"] if one["in"] != "header"
        )
    used = {tag for _, _, operation in operations() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in served()["tags"]}
    assert [server["url"] for server in served()["servers"]] == ["/"]


def test_codes_events_and_ways_to_pay_are_told_apart():
    shapes = served()["components"]["schemas"]

    assert set(shapes["Problem"]["properties"]["code"]["enum"]) == CODES | {"method_not_allowed"}
    mapping = shapes["Event"]["discriminator"]["mapping"]
    assert list(mapping) == EVENT_TYPES
    event = {"id": "1", "time": "2026-02-17T20:15:00+08:00"}
    for type_ in mapping:
        data = examples.EVENTS[type_]["results"][0]["data"]
        check(shapes["Event"], {**event, "type": type_, "data": data})
        for field in data:
            with pytest.raises(jsonschema_rs.ValidationError):
                less = {name: value for name, value in data.items() if name != field}
                check(shapes["Event"], {**event, "type": type_, "data": less})
    params = shapes["Order"]["properties"]["pay_params"]
    with pytest.raises(jsonschema_rs.ValidationError):
        check(params, {"anything": "else"})


def test_examples_of_single_values_fit_their_patterns():
    found = []

    def walk(schema):
        if isinstance(schema, dict):
            for value in (
                schema.get("examples", []) if isinstance(schema.get("examples"), list) else []
            ):
                check(schema, value)
                found.append(value)
            if "default" in schema and "type" in schema:
                check(schema, schema["default"])
                found.append(schema["default"])
            schema = list(schema.values())
        for one in schema if isinstance(schema, list) else []:
            walk(one)

    walk(served())
    assert len(found) > 20


def test_every_kind_has_an_example_of_what_is_asked_and_told():
    answers = [*examples.DRAFTS.values(), *examples.PACKETS.values()]

    assert {wish["type"] for wish in examples.WISHES.values()} == set(KIND_OF)
    assert {packet["type"] for packet in answers} == set(KIND_OF)


def test_every_outcome_and_every_code_has_an_example():
    answers = {op["operationId"]: op["responses"] for _, _, op in operations()}
    grabs = answers["grabPacket"]["200"]["content"]["application/json"]["examples"].values()
    codes = {
        example["value"]["code"]
        for responses in answers.values()
        for answer in responses.values()
        for example in answer.get("content", {})
        .get(problems.CONTENT_TYPE, {})
        .get("examples", {})
        .values()
    }

    assert {grab["value"]["outcome"] for grab in grabs} == set(Outcome)
    assert codes == CODES


def test_key_is_required_where_money_moves_and_credentials_everywhere():
    keyed = {
        operation["operationId"]
        for _, _, operation in operations()
        for parameter in operation["parameters"]
        if parameter["name"] == "Idempotency-Key" and parameter["required"]
    }
    assert keyed == {"sendPacket", "payPacket", "createTopup"}
    for path, _, operation in operations():
        scheme = "service" if path.startswith("/api/v1/service/") else "user"
        assert operation["security"] == [{scheme: []}]
    assert len({operation["operationId"] for _, _, operation in operations()}) == len(operations())


def test_docs_page_works_offline_under_our_policy():
    page = Client().get("/api/docs")
    text = page.content.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', text)

    assert page.status_code == 200
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert len(assets) == 6
    for asset in assets:
        assert asset.startswith("/") and not asset.startswith("//")
        if asset.startswith(settings.STATIC_URL):
            assert finders.find(asset.removeprefix(settings.STATIC_URL))
    script = Client().get(assets[-1])
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/schema" in script.content
    assert b"http" not in script.content.replace(b'"http"', b"")


# --- schemathesis: whatever is sent, the answer is documented

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)
SCHEMATHESIS = """
[generation]
deterministic = true
database = "none"
max-examples = 15

[checks]
enabled = false
{checks}
[[operations]]
include-tag = ["packets", "session", "groups", "wallet", "orders"]
headers = {{ Authorization = "Bearer {user}" }}

[[operations]]
include-tag = "service"
headers = {{ Authorization = "Bearer {service}" }}

[[operations]]
include-operation-id = "listEvents"
parameters = {{ "query.wait" = 0 }}
"""
ONE_PACKET = """
[[operations]]
include-operation-id = ["getPacket", "grabPacket", "payPacket"]
parameters = {{ "path.id" = "{packet}" }}
"""


def schemathesis_of(name: str) -> str:
    checks = "".join(f"[checks.{check}]\nenabled = true\n" for check in CHECKS)
    return SCHEMATHESIS.format(checks=checks, user=user(name).bearer, service=service().bearer)


def fuzz(live, tmp_path, config: str, *options: str, at_least: int) -> None:
    file = tmp_path / "schemathesis.toml"
    file.write_text(config)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(file), "run"]
    command += [f"{live}/api/schema", "--seed=20260217", "--no-color", *options]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) >= at_least


def test_whatever_is_sent_the_answer_is_documented(live, tmp_path):
    make_group("alice", "bob", "carol")
    make_wallet("alice", "1000.00")
    config = schemathesis_of("alice")

    fuzz(live, tmp_path, config, "--phases=examples,coverage,fuzzing", at_least=300)


def test_whatever_is_done_with_one_packet_the_answer_is_documented(live, tmp_path):
    make_group("alice", "bob", "carol")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00").public_id
    config = schemathesis_of("bob")
    config += ONE_PACKET.format(packet=packet)

    fuzz(
        live, tmp_path, config, "--phases=fuzzing", "--include-path-regex=packets/{id}", at_least=40
    )


# --- a client made from the schema


def test_client_made_from_the_schema_sends_pays_grabs_and_reads(live, tmp_path, monkeypatch):
    make_group("alice", "bob", "carol")
    make_wallet("alice", "10.00")
    make_client(tmp_path, monkeypatch)
    hongbao, models = importlib.import_module("hongbao"), importlib.import_module("hongbao.models")
    alice, bob = (hongbao.AuthenticatedClient(live, user(name).bearer) for name in ("alice", "bob"))

    def call(client, name, *args, **kwargs):
        return importlib.import_module(f"hongbao.api.{name}").sync(*args, client=client, **kwargs)

    wish = models.SendRequest(
        type_=models.PacketType.LUCKY, for_id="g1", number=2, total_money="10.00"
    )
    by_balance = models.PayRequest(pay_type=models.PayWay.BALANCE)
    draft = call(alice, "packets.send_packet", body=wish, idempotency_key="k1")
    paid = call(alice, "packets.pay_packet", draft.id, body=by_balance, idempotency_key="k2")
    grabbed = call(bob, "packets.grab_packet", draft.id)
    again = call(bob, "packets.grab_packet", draft.id)
    seen = call(bob, "packets.get_packet", draft.id)
    page = call(bob, "packets.list_packets", box=models.ListPacketsBox.RECEIVED, limit=1)
    wallet = call(bob, "wallet.get_wallet")
    unknown = call(bob, "packets.get_packet", "rp_aaaaaaaaaaaaaaaaaaaaaaaaaa")

    assert (draft.state, paid.packet.state, paid.order) == ("unpaid", "open", None)
    assert (grabbed.outcome, again.outcome) == ("grabbed", "already_grabbed")
    assert again.share == grabbed.share
    assert seen.mine.money == grabbed.share.money == wallet.balance
    assert [share.user.user_id for share in seen.shares] == ["bob"]
    assert [packet.id for packet in page.results] == [draft.id]
    assert (unknown.status, unknown.code) == (404, "not_found")


def make_client(folder: Path, monkeypatch) -> None:
    """The package `hongbao`, made by openapi-python-client, ready for import."""
    file, config = folder / "schema.json", folder / "config.json"
    file.write_text(json.dumps(served()))
    config.write_text(json.dumps({"post_hooks": []}))  # it would format what it made
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    command += ["--path", file, "--config", config, "--meta=none"]
    command += ["--output-path", folder / "hongbao"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(folder)
