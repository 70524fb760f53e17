"""Staff of each role."""

import pytest

from office import roles
from tests.office import desk


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
