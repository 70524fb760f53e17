"""The product's worker, with a settlement that stops in its middle and waits to be killed:
`celery -A tests.races.dying worker`."""

import signal

from celery.signals import worker_init

from redpacket_site.celery import app

__all__ = ["AT_WORK", "app"]

AT_WORK = "in the middle of its work"


@worker_init.connect
def _stop_in_the_middle(**_):
    from packets import settle

    def stay(*args, **kwargs):
        print(AT_WORK, flush=True)
        signal.pause()

    settle.run_pass = stay
