"""Staff of each role, and a browser."""

import pytest

from office import roles
from office.export import jobs as export
from office.export import rows
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


def seated(role: str | None):
    return pytest.fixture(lambda: desk.staff(role))


support, maker, checker = seated(roles.SUPPORT), seated(roles.MAKER), seated(roles.CHECKER)
auditor, superuser = seated(roles.AUDITOR), seated(None)


@pytest.fixture
def long(monkeypatch):
    """Everything is long, a page is two rows, and a worker writes one page before it stops."""
    monkeypatch.setattr(export, "DIRECT", 0)
    monkeypatch.setattr(rows, "PAGE", 2)
    monkeypatch.setattr(export, "STEP_S", -1)
