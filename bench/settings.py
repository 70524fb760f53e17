"""The product's settings with the rival's route beside its own."""

from redpacket_site.settings import *  # noqa: F403

ROOT_URLCONF = "bench.naive"
