"""Staff of each role, and a browser."""

import pytest

from office import roles
from testing import desk


@pytest.fixture
def browser(monkeypatch):
    """While it runs, playwright's synchronous interface has an event loop in this thread; Django
    minds."""
    pytest.importorskip("playwright")
    from testing.browser import chromium

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with chromium() as started:
        yield started


@pytest.fixture
def support():
    return desk.staff(roles.SUPPORT)


@pytest.fixture
def maker():
    return desk.staff(roles.MAKER)


@pytest.fixture
def checker():
    return desk.staff(roles.CHECKER)


@pytest.fixture
def auditor():
    return desk.staff(roles.AUDITOR)


@pytest.fixture
def superuser():
    return desk.staff(None)
