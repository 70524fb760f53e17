import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.apps import refused_in_production

SECRETS = {
    "REDPACKET_ENV": "production",
    "REDPACKET_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCD",
    "REDPACKET_SERVICE_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCD",
    "REDPACKET_SEAL_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCD",
    "REDPACKET_ALLOWED_HOSTS": "pay.example",
    "REDPACKET_SSL_REDIRECT": "off",
    "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
}
ASK = """
import django; django.setup()
from django.conf import settings
from django.test import Client
assert "sandbox" not in settings.INSTALLED_APPS
paths = ["/sandbox/", "/sandbox/alipay/gateway.do", "/sandbox/control/pay"]
paths += ["/sandbox/wechat/v3/certificates", "/try/", "/try/phone", "/try/api/start"]
print([Client(HTTP_HOST="pay.example").post(path).status_code for path in paths])
from redpacket_site.celery import SCHEDULE
print([name for name in SCHEDULE if name.startswith("sandbox")])
"""
FORCE = """
from redpacket_site import settings
settings.INSTALLED_APPS.append("sandbox")
import django; django.setup()
"""


def _run(program: str, tmp_path) -> subprocess.CompletedProcess:
    keys = tmp_path / "platform.pem"
    key = rsa.generate_private_key(65537, 2048).public_key()
    keys.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REDPACKET_")}
    files = {"REDPACKET_DATA_DIR": str(tmp_path), "REDPACKET_JWT_KEYS": str(keys)}
    environment = kept | SECRETS | files
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )


@pytest.mark.once
def test_production_has_no_sandbox(tmp_path):
    done = _run(ASK, tmp_path)

    assert done.stdout.splitlines() == [str([404] * 7), "[]"], done.stderr


@pytest.mark.once
def test_production_does_not_start_with_a_sandbox_slipped_in(tmp_path):
    done = _run(FORCE, tmp_path)

    assert done.returncode == 1
    assert "ImproperlyConfigured: Refused in production: sandbox" in done.stderr


def test_the_system_check_refuses_it_too(settings):
    assert refused_in_production(None) == []

    settings.PRODUCTION = True

    assert [found.id for found in refused_in_production(None)] == ["sandbox.E001"]
