"""Cashier and back office share an origin in development, and no cookie."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.utils import timezone

from kit.http.middleware import OwnCookies
from testing.make import make_trade

PASSWORD = "a password of the tests"


@pytest.fixture
def cashier() -> str:
    return f"/sandbox/cashier/{make_trade(timezone.now(), scene='h5').handle}"


def told(client: Client) -> dict[str, tuple[str, bool]]:
    return {name: (c["path"], bool(c["httponly"])) for name, c in client.cookies.items()}


def test_cookies_of_the_cashier_are_its_own(cashier):
    payer = Client(enforce_csrf_checks=True)
    payer.get(cashier)
    token = payer.cookies["csrftoken"].value

    paid = payer.post(cashier, {"do": "pay", "csrfmiddlewaretoken": token})
    switched = payer.post(
        "/sandbox/language", {"language": "en", "next": cashier, "csrfmiddlewaretoken": token}
    )

    assert (paid.status_code, switched.status_code, switched.url) == (302, 302, cashier)
    assert told(payer) == {
        "csrftoken": ("/sandbox/", True),
        "django_language": ("/sandbox/", True),
    }
    assert '<html lang="en">' in payer.get(cashier).content.decode()


def test_cookies_of_the_back_office_are_its_own(settings):
    settings.REDPACKET_STAFF_OTP = False
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    staff = Client(enforce_csrf_checks=True)
    staff.get("/admin/login/")
    form = {"username": "root", "password": PASSWORD}

    came = staff.post(
        "/admin/login/", form | {"csrfmiddlewaretoken": staff.cookies["csrftoken"].value}
    )
    token = staff.cookies["csrftoken"].value
    switched = staff.post("/admin/i18n/setlang/", {"language": "en", "csrfmiddlewaretoken": token})

    assert (came.status_code, switched.status_code) == (302, 302)
    own = ("/admin/", True)
    assert told(staff) == {"csrftoken": own, "sessionid": own, "django_language": own}
    assert '<html lang="en' in staff.get("/admin/").content.decode()


def test_the_nearest_of_two_cookies_of_one_name_counts():
    """A browser that was here before has one for the whole origin, and names it last."""
    seen = {}
    request = RequestFactory().get("/admin/", headers={"Cookie": "a=1; b=2; a=3;b=4 ; c"})

    def view(request):
        seen.update(request.COOKIES)
        return Client().get("/health/live")

    OwnCookies(view)(request)

    assert (seen["a"], seen["b"]) == ("1", "2")
