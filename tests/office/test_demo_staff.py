"""Development has one member of staff of each role, the same at each start."""

import json
from base64 import b32decode
from io import StringIO

from django.contrib.auth.models import User
from django.core.management import call_command
from django_otp.plugins.otp_totp.models import TOTPDevice

from office import roles


def printed(settings, tmp_path) -> dict:
    settings.KEYS_DIR = tmp_path
    out = StringIO()
    call_command("demo_staff", stdout=out)
    return json.loads(out.getvalue())


def test_one_of_each_role_beside_the_superuser(settings, tmp_path):
    first = printed(settings, tmp_path)
    again = printed(settings, tmp_path)

    assert first == again
    assert set(first["roles"]) == set(roles.ROLES)
    people = [first, *first["roles"].values()]
    for person in people:
        user = User.objects.get(username=person["username"])
        device = TOTPDevice.objects.get(user=user)
        assert user.check_password(first["password"]) and user.is_staff
        assert b32decode(person["totp_secret"]) == device.bin_key
    assert User.objects.filter(is_superuser=True).get().username == first["username"]
    for role, person in first["roles"].items():
        user = User.objects.get(username=person["username"])
        assert [group.name for group in user.groups.all()] == [role]


def test_an_older_file_of_secrets_is_completed(settings, tmp_path):
    known = {"username": "admin", "password": "kept from before", "totp_key": "ab" * 20}
    (tmp_path / "demo_staff.json").write_text(json.dumps(known))

    told = printed(settings, tmp_path)

    assert (told["username"], told["password"]) == ("admin", "kept from before")
    assert set(told["roles"]) == set(roles.ROLES)
