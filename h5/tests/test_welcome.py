"""The front page: friendly where one develops, silent where money is."""

import re

import pytest
from django.test import Client

from kit.http.middleware import ContentSecurityPolicy

LINKS = {"/try/", "/api/docs", "/admin/", "/sandbox/"}


@pytest.fixture
def home():
    answer = Client().get("/")
    assert answer.status_code == 200
    assert len(answer.content) < 8 * 1024
    assert answer["Content-Security-Policy"] == ContentSecurityPolicy.POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert not answer.cookies
    assert not re.search(rb"<script|<style| style=| on\w+=", answer.content)
    return answer.content.decode()


def test_it_greets_in_both_languages_and_leads_on(home):
    assert "<h1>Hongbao 红包</h1>" in home
    for word in ("试一试", "接口文档", "管理后台", "收银台"):
        assert f">{word}</a>" in home
    for word in ("Try it", "API docs", "Back office", "Pretend cashier"):
        assert f">{word}</a>" in home
    assert set(re.findall(r'<a [^>]*href="([^"]+)"', home)) == LINKS
    assert "服务正常" in home and "The service is ready" in home


def test_it_says_when_nothing_works(monkeypatch):
    monkeypatch.setattr("kit.http.health.database", lambda: "down")

    home = Client().get("/")

    assert home.status_code == 200
    assert "服务暂不可用" in home.content.decode()


@pytest.mark.once
def test_production_tells_nothing(settings):
    settings.PRODUCTION = True
    answer = Client().get("/")
    home = answer.content.decode()

    assert answer.status_code == 200
    assert "请从聊天应用中打开红包" in home
    assert "Please open red packets from your chat app" in home
    assert '<meta name="robots" content="noindex">' in home
    assert "<a " not in home
    assert not answer.cookies


@pytest.mark.once
def test_browsers_and_robots_are_answered():
    icon, robots = Client().get("/favicon.ico"), Client().get("/robots.txt")

    assert (icon.status_code, icon["Content-Type"]) == (200, "image/x-icon")
    assert icon.content[:4] == b"\0\0\1\0"
    assert robots.status_code == 200 and "Disallow: /" in robots.content.decode().splitlines()
    assert robots["Content-Type"].startswith("text/plain")
