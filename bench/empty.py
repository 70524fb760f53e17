"""The yardstick: an empty Django view, no middleware, for the same server and workers."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    LOGGING_CONFIG=None,
)
urlpatterns = [path("", lambda _request: HttpResponse("{}"))]
application = get_wsgi_application()
