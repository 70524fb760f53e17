"""The product as it was without seats and breakers, for bystander.py: every caller waits, twice as
long as a worker waits for a channel, and every log-in hashes."""

from kit import outside
from kit.bulkhead import Bulkhead, OfTheMachine
from kit.plumbing import breaker

Bulkhead.is_free = lambda self: True
OfTheMachine.take_file = lambda *_: True
breaker.FAILURES = 10**9
outside.somebody_waits = lambda: False

from redpacket_site.wsgi import application

__all__ = ["application"]
