"""What `todo serve` prints first."""

import socket
from ipaddress import ip_address

from todo.server import Serving
from todo.settings import Settings

FIRST_CURL = """\
curl -s {address}/api/auth/register -H 'Content-Type: application/json' \\
     -d '{{"email": "you@example.com", "password": "correct horse battery staple"}}'"""


def banner(settings: Settings, serving: Serving, listener: socket.socket, data: str) -> str:
    """What `todo serve` prints first: the address, where the data is, and a first request."""
    address, port = address_of(serving, listener), listener.getsockname()[1]
    lines = [
        f"{settings.app_name} {settings.app_version}",
        f"  Address  {address}  (try it: {address}/docs)",
        f"  Data     {data}",
        "  Stop     Ctrl-C",
        "",
        "Create an account:",
        "",
        *(f"  {line}" for line in FIRST_CURL.format(address=address).splitlines()),
        "",
    ]
    if not settings.is_production and not _is_loopback(serving.host):
        lines.append(
            f"Anyone who can reach this machine can reach {serving.host} port {port}; this is a "
            "development set-up. Set APP_ENV=production, DATABASE_URL and JWT_SECRET_KEY.\n"
        )
    return "\n".join(lines)


def address_of(serving: Serving, listener: socket.socket) -> str:
    """The URL by which this machine reaches the server."""
    port = listener.getsockname()[1]
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    if _is_every_address(serving.host):
        host = "127.0.0.1"
    return f"http://{host}:{port}"


def _is_every_address(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
