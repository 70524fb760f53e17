"""The composition root: settings, routes, the Celery app and the admin site."""

from redpacket_site.celery import app as celery_app

__all__ = ["celery_app"]
