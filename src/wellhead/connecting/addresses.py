"""Whether the hosts of a URL have IPv4 addresses; looked up only when there is no route to them.

Some hosts have IPv6 addresses only, such as those of Supabase's databases without a pooler, and
many networks and containers have no IPv6 route. asyncio's exceptions do not name the address they
are about. https://supabase.com/docs/guides/database/connecting-to-postgres
"""

import asyncio
import socket
from collections.abc import Iterable

from wellhead.url import Host

_PATIENCE = 1.0


async def have_ipv4(hosts: Iterable[Host]) -> bool:
    """Whether any host has an IPv4 address; True if that cannot be determined.

    Waits for the resolver, for at most a second.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PATIENCE):
            for host in hosts:
                if host.is_socket:
                    return True
                found = await loop.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
                if any(family != socket.AF_INET6 for family, *_ in found):
                    return True
    except OSError:  # includes TimeoutError.
        return True
    return False
