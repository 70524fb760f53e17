import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redpacket_site.settings")
django = application = get_wsgi_application()

from django.conf import settings  # noqa: E402

from kit.http import schema  # noqa: E402
from payments.channels import registry  # noqa: E402
from redpacket_site import traced  # noqa: E402
from redpacket_site.front import Front  # noqa: E402

registry.offered()  # a key that cannot be used stops the start, not the first payer
if settings.REDPACKET_SERVES != "office":
    application = Front(django)
    for is_json in (True, False):
        schema.written(is_json)  # nothing costly is done for a stranger later on
if traces := traced.begin():
    application = traces.Requests(application)
