"""One browser and one server for all tests of the pages; a phone has a context to itself."""

from contextlib import ExitStack

import pytest
from django.core.management import call_command
from django.test import override_settings

pytest.importorskip("playwright")
from payments.channels import config
from testing.browser import chromium
from testing.serving import serve
from tests.h5.phones import Kept, Phone


@pytest.fixture(scope="session")
def served(test_database, tmp_path_factory):
    """Files collected and compressed as `make up` and production do."""
    folder = tmp_path_factory.mktemp("h5")
    with ExitStack() as until_the_end:
        with override_settings(STATIC_ROOT=folder, STATICFILES_FINDERS=["h5.files.Finder"]):
            call_command("collectstatic", "--no-input", verbosity=0)
            base = until_the_end.enter_context(serve())
        yield base


@pytest.fixture(scope="package", autouse=True)
def browser():
    """While it runs, playwright's synchronous interface has an event loop in this thread, in which
    Django would refuse to ask the database; it has ended when tests of other folders begin."""
    with pytest.MonkeyPatch.context() as patch, chromium() as started:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield started


@pytest.fixture(scope="package")
def kept(browser):
    return Kept(browser)


@pytest.fixture
def channels(made_keys, settings, served):
    """The sandbox plays the channels, on the same server."""
    settings.REDPACKET_CHANNELS_FILE = made_keys
    settings.REDPACKET_PUBLIC_URL = served
    settings.REDPACKET_RETURN_URL = f"{served}/h5/back"
    config.kept.forget()
    yield made_keys
    config.kept.forget()


@pytest.fixture
def phone(served, kept):
    phone = Phone(served, kept)
    yield phone
    phone.close()
