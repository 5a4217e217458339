"""Asks a running service for the figures of its live page."""

import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self
from urllib.parse import SplitResult, urlsplit

from wellhead.cli.page_figures import VERSION, PageFigures

LARGEST: Final = 4 << 20
"""Bytes of the largest response that is read."""

# A service that drains, and a proxy whose service is away.
_AWAY: Final = frozenset({502, 503, 504})


class PageError(Exception):
    """The figures cannot be read, and trying again would not help."""


class PageAwayError(PageError):
    """The service is away, or not ready to respond; it may come back."""


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Where a live page is.

    Attributes:
        url: The page's URL, as people know it.
        is_encrypted: Whether it is reached by https.
        host: The name or address of the host.
        port: The port.
        path: The path of the figures.
    """

    url: str
    is_encrypted: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart: a service's, whose page is ``/db``, or that of the page itself.

        Raises:
            ValueError: It is not such a URL; the message says why, and does not repeat it.
        """
        if not (url.isascii() and url.isprintable()) or " " in url:
            raise ValueError("It has characters that must be percent-encoded in a URL.")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("It must begin with http:// or https:// and name a host.")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "It has more than host, port and path. Put the token in "
                "DATABASE_LIVE_PAGE_TOKEN or --token-file: others can see a command line."
            )
        path = parts.path.rstrip("/") or "/db"
        page = SplitResult(parts.scheme, parts.netloc, path, "", "").geturl()
        is_encrypted = parts.scheme == "https"
        port = parts.port or (http.client.HTTPS_PORT if is_encrypted else http.client.HTTP_PORT)
        return cls(page, is_encrypted, parts.hostname, port, f"{path}/figures")


@dataclass(frozen=True, slots=True)
class PageClient:
    """Reads the figures of one page.

    Attributes:
        address: Where it is.
        token: What it asks for, or None.
        timeout: Seconds for the connection, and for each part of a response.
    """

    address: PageAddress
    token: str | None = field(default=None, repr=False)
    timeout: float = 5.0

    def read(self) -> PageFigures:
        """The figures now; waits for the service.

        A redirection is not followed: the token is for this host only.

        Raises:
            PageAwayError: The service is away.
            PageError: What responded does not show its figures.
        """
        status, body = self._exchange()
        if status in _AWAY:
            raise PageAwayError(f"{self.address.url} is not available: HTTP {status}.")
        if status != http.client.OK:
            self._refuse(status)
        try:
            return PageFigures.model_validate_json(body)
        except ValueError:
            self._misunderstand(body)

    def _exchange(self) -> tuple[int, bytes]:
        address = self.address
        make: Callable[..., http.client.HTTPConnection] = (
            http.client.HTTPSConnection if address.is_encrypted else http.client.HTTPConnection
        )
        connection = make(address.host, address.port, timeout=self.timeout)
        headers = {"Accept": "application/json", "Connection": "close"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request("GET", address.path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(LARGEST)
        except TimeoutError:
            said = f"{address.url} did not respond within {self.timeout:g} s."
            raise PageAwayError(said) from None
        except (OSError, http.client.IncompleteRead) as error:
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                raise PageError(f"TLS with {address.url} failed: {_reason(error)}.") from None
            raise PageAwayError(f"{address.url} is away: {_reason(error)}.") from None
        except (UnicodeError, http.client.HTTPException) as error:
            raise PageError(
                f"{address.url} is not a live page of Wellhead: {_reason(error)}."
            ) from None
        finally:
            connection.close()

    def _refuse(self, status: int) -> NoReturn:
        url = self.address.url
        if status == http.client.UNAUTHORIZED:
            if self.token is None:
                raise PageError(
                    f"{url} asks for a token: put it in DATABASE_LIVE_PAGE_TOKEN or --token-file."
                )
            raise PageError(f"{url} refuses the token: it is not the service's.")
        if status == http.client.FORBIDDEN:
            raise PageError(
                f"{url} is at localhost and IP addresses only, unless the service has a token: "
                "set DATABASE_LIVE_PAGE_TOKEN there and here."
            )
        if status == http.client.NOT_FOUND:
            raise PageError(
                f"{url} is not there. The service shows it with DATABASE_LIVE_PAGE or "
                "DATABASE_LIVE_PAGE_TOKEN; if it has a prefix, give the page's whole URL."
            )
        raise PageError(f"{url} is not a live page of Wellhead: HTTP {status}.")

    def _misunderstand(self, body: bytes) -> NoReturn:
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        version = found.get("version") if isinstance(found, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise PageError(
                f"{self.address.url} has figures of version {version}, and this program knows "
                f"{VERSION}: install the service's version of Wellhead here."
            )
        raise PageError(f"{self.address.url} is not a live page of Wellhead.") from None


def _reason(error: BaseException) -> str:
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return (str(said) or type(error).__name__).rstrip(".").splitlines()[0]
