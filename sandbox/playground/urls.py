"""Everything under /try/api/, in development only (redpacket_site/urls.py)."""

from django.urls import path

from sandbox.playground import views

urlpatterns = [
    path("start", views.start_),
    path("token", views.token_),
    path("feed", views.feed_),
    path("crowd", views.crowd_),
    path("later", views.later_),
]
