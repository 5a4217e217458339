"""Which kinds of addresses the hosts of a URL have; asked only when no way leads to them.

Some hosts have IPv6 addresses only, such as those of Supabase's databases without a pooler, and
many networks and containers have no way there. asyncio's exceptions do not tell which address they
speak of. https://supabase.com/docs/guides/database/connecting-to-postgres
"""

import asyncio
import socket
from collections.abc import Iterable

from wellhead.url import Host

_PATIENCE = 1.0


async def have_ipv4(hosts: Iterable[Host]) -> bool:
    """Whether any host has another address than those of IPv6; yes where that cannot be told.

    Waits for the resolver, for a second at the most.
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
    except OSError:  # TimeoutError is one.
        return True
    return False
