"""Staff of each role, with the rights that the migration gives them."""

import pytest
from django.apps import apps

from office import roles
from tests.office import desk


@pytest.fixture(autouse=True)
def granted(real_database):
    """Groups are emptied after each test like everything else; the migration's own function makes
    them again."""
    roles.grant(apps)


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
