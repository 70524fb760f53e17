"""Staff log in with name, password and one-time code; nothing less opens the back office."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice


@pytest.fixture
def device():
    user = get_user_model().objects.create_superuser("staff", password="a long word of passage")
    return TOTPDevice.objects.create(user=user, name="phone")


def code_of(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key).token():06d}"


def log_in(code: str, password: str = "a long word of passage", language: str = "en"):
    client = Client(headers={"Accept-Language": language})
    form = {"username": "staff", "password": password, "otp_token": code, "next": "/admin/"}
    return client, client.post("/admin/login/", form)


def test_name_password_and_code_open_the_back_office(device):
    client, response = log_in(code_of(device))

    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("code", "password", "says"),
    [
        ("", "a long word of passage", "Please enter the one-time code."),
        ("000000", "a long word of passage", "This one-time code is not valid (any more)."),
        ("000000", "wrong", "This name and password are nobody"),
    ],
)
def test_less_does_not(device, code, password, says):
    assert code != code_of(device)

    client, response = log_in(code, password)

    assert response.status_code == 200
    assert says in response.content.decode()
    assert client.get("/admin/").status_code == 302


def test_a_code_is_good_once(device):
    code = code_of(device)
    log_in(code)

    client, response = log_in(code)

    assert "This one-time code is not valid (any more)." in response.content.decode()
    assert client.get("/admin/").status_code == 302


def test_staff_without_a_device_are_told(device):
    device.delete()

    client, response = log_in("000000")

    assert "no second factor yet" in response.content.decode()
    assert client.get("/admin/").status_code == 302
