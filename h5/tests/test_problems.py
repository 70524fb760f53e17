"""The address in a refusal's `type` answers: in two languages, no script, no cookie, an ETag."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from h5 import problems
from kit.http.problems import Problem, body
from testing.make import user
from tests.flows.test_schema import CODES

pytestmark = pytest.mark.once
EVERY = sorted(CODES | {"method_not_allowed"})


def page(code: str, **headers: str):
    return Client().get(f"/api/problems/{code}", headers=headers)


def test_every_code_of_the_contract_has_its_page_and_no_other_has():
    assert sorted(problems.PROBLEMS) == EVERY
    for code in ("nonsense", "NOT_FOUND", "not_found/", "not_found%00", "../schema"):
        assert page(code).status_code == 404


@pytest.mark.parametrize("code", EVERY)
def test_it_says_what_happened_and_what_to_do_in_both_languages(code):
    answer = page(code)
    text = answer.content.decode()
    chinese, english = re.findall(r"<section lang=\"[^\"]+\">(.*?)</section>", text, re.DOTALL)
    told = [re.findall(r"<p>(.+?)</p>", part) for part in (chinese, english)]

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<code>{code}</code>" in text
    assert f"HTTP {problems.PROBLEMS[code].status} " in text
    assert [len(part) for part in told] == [2, 2]
    assert all(re.search(r"[\u4e00-\u9fff]", said) for said in told[0])
    assert all(said.isascii() for said in told[1])


def test_it_carries_no_script_and_no_cookie_and_loads_our_style_alone():
    answer = page("throttled")

    assert not answer.cookies
    assert not re.search(rb"<script|<style| style=| on\w+=|<form|<iframe", answer.content)
    assert answer["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    assert answer["X-Frame-Options"] == "DENY"
    assert (answer["X-Content-Type-Options"], answer["X-Robots-Tag"]) == ("nosniff", "noindex")
    assert len(answer.content) < 4096


def test_what_is_known_is_not_sent_again_and_keeps_its_policy():
    first = page("not_found")

    again = page("not_found", If_None_Match=first["ETag"])
    other = page("throttled", If_None_Match=first["ETag"])

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    for name, value in problems.HEADERS.items():
        assert again[name] == first[name] == value
    assert other.status_code == 200


def test_it_is_the_same_whoever_asks():
    plain = page("not_found").content

    for headers in ({"Accept-Language": "en"}, {"Accept-Language": "zh-Hans"}, {"Accept": "a/b"}):
        assert Client().get("/api/problems/not_found", headers=headers).content == plain
    assert Client().get("/api/problems/not_found?lang=en&x=%00").content == plain
    assert Client().post("/api/problems/not_found").status_code == 405
    head = Client().head("/api/problems/not_found")
    assert (head.status_code, head.content) == (200, b"")


def test_a_refusals_type_is_the_address_of_its_page(settings):
    settings.REDPACKET_PUBLIC_URL = "https://pay.example.com"
    problem = user("bob").get("packets/rp_x").json()

    assert problem["type"] == "https://pay.example.com/api/problems/not_found"
    assert Client().get(problem["type"].removeprefix(settings.REDPACKET_PUBLIC_URL)).content


@pytest.mark.parametrize("code", EVERY)
def test_every_types_path_answers(code):
    kind = body(problems.PROBLEMS[code](), "r")["type"]

    assert kind.startswith(f"{settings.REDPACKET_PUBLIC_URL}/api/problems/")
    path = kind.removeprefix(settings.REDPACKET_PUBLIC_URL)
    assert (Client().get(path).status_code, path.rpartition("/")[2]) == (200, code)


def test_no_refusal_of_the_doors_is_without_a_page():
    """What the back office alone refuses has no code of its own in the contract."""
    told, more = set(), {Problem}
    while more:
        told |= more
        more = {each for found in more for each in found.__subclasses__()} - told
    doors = ("refusals", "problems")
    codes = {each.code for each in told if each.__module__.rpartition(".")[2] in doors}

    assert codes == set(problems.PROBLEMS)


def test_what_nginx_refuses_itself_has_a_page_too():
    said = (Path(settings.BASE_DIR) / "deploy/nginx-problems.conf").read_text()
    found = re.findall(r'/api/problems/(\w+)", .*?"code": "(\w+)"', said)

    assert len(found) == said.count("location @") == 5
    assert all(address == code and code in problems.PROBLEMS for address, code in found)
