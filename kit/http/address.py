"""Where a request comes from: one answer for the API, staff's rows, the lock-out and the payer."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

HERE = "127.0.0.1"  # for a channel that must be told some address of the payer's


def of(request: HttpRequest | None) -> str | None:
    """The caller's address: as the trusted proxy says or, without one, who is connected.

    A proxy appends what it saw itself; what stands before that, anybody may have written. What is
    no address (a socket's empty name, nonsense) is none. One spelling an address: a socket for both
    kinds says an IPv4 one as IPv6, and behind a zone's % may stand anything.
    """
    if request is None:
        return None
    header = settings.REDPACKET_PROXY_IP_HEADER
    said = request.META.get(header, "").rpartition(",")[2].strip() if header else ""
    for given in (said, request.META.get("REMOTE_ADDR", "")):
        try:
            found = ip_address(given)
        except ValueError:
            continue
        if isinstance(found, IPv6Address):
            found = found.ipv4_mapped or IPv6Address(int(found))
        return str(found)
    return None


def is_among(request: HttpRequest, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the caller is in one of these; a caller without an address is in none."""
    found = of(request)
    if found is None:
        return False
    return any(ip_address(found) in network for network in networks)
