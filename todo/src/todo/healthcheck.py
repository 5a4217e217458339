"""Asks the server in this container whether it is alive: `python -m todo.healthcheck`.

It imports only the standard library, since it runs every few seconds, and requests `/health/live`,
which sends the database no query. It exits with 0 if the response is 200, otherwise with 1 and the
reason.
"""

import http.client
import os
import sys

TIMEOUT = 4
"""Seconds for the response; the container's own limit is a second longer."""


def ask(port: int) -> str | None:
    """Request `/health/live` on this machine; returns what is wrong, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"port {port} does not respond: {error!r}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"port {port} responds with status {status}"


if __name__ == "__main__":
    sys.exit(ask(int(os.environ.get("PORT") or 8000)))
