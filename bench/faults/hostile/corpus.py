"""Every hostile request: each kind of harm at every operation it can be tried at."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlencode

from bench.faults.hostile.operations import FORM, JSON, Operation
from bench.faults.hostile.texts import BROKEN, SQL, UNICODE
from bench.faults.hostile.tokens import forged

_LOGOUT = "/logout"


class Harm(StrEnum):
    """What a request tries."""

    SQL = "SQL injection"
    UNICODE = "Unicode"
    BODY = "broken, truncated and oversized bodies"
    TOKEN = "forged and expired tokens"
    IDS = "another user's ids"


REFUSED = (Harm.TOKEN, Harm.IDS)
"""What must be answered with 4xx; the others may also do what the texts literally say."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a task, a tag, two logins and an API token.

    Attributes:
        ids: What fills the placeholders of their paths.
        token: Their access token.
        spare_token: Of another login of theirs, which may end.
    """

    ids: Mapping[str, str]
    token: str = field(repr=False)
    spare_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """One request.

    Attributes:
        harm: What it tries.
        name: Says so in a report.
        method: In capitals.
        target: The path with its query.
        headers: As they are sent.
        body: As it is sent.
    """

    harm: Harm
    name: str
    method: str
    target: str
    headers: Mapping[str, bytes]
    body: bytes = b""


class Corpus:
    """All requests of an attacker who has an account, and a victim in mind.

    Args:
        operations: What can be asked.
        attacker: Has a valid token, and tasks and tags of their own.
        victim: Whose rows must stay as they are.
        key: What the application signs its tokens with.
        every: Try only one of so many texts in each place, and others in the next.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        *,
        attacker: Person,
        victim: Person,
        key: str,
        every: int = 1,
    ) -> None:
        # What is gone is only missed.
        self._operations = sorted(operations, key=lambda each: each.method == "DELETE")
        self._attacker = attacker
        self._victim = victim
        self._key = key
        self._every = every

    def __iter__(self) -> Iterator[HostileRequest]:
        for operation in self._operations:
            yield from self._texts(operation, Harm.SQL, SQL)
            yield from self._texts(operation, Harm.UNICODE, UNICODE)
            yield from self._bodies(operation)
            if operation.is_private:
                yield from self._tokens(operation)
            yield from self._ids(operation)

    def _texts(
        self, operation: Operation, harm: Harm, texts: Sequence[str]
    ) -> Iterator[HostileRequest]:
        for turn, text in enumerate(texts):
            for place, request in enumerate(self._places(operation, harm, text)):
                if (turn + place) % self._every == 0:
                    yield request

    def _places(self, operation: Operation, harm: Harm, text: str) -> Iterator[HostileRequest]:
        """A text in each place: the path, the query, the headers and the fields of the body."""
        ids, example = self._attacker.ids, operation.example or {}
        encoded = text.encode(errors="surrogatepass")
        for name in operation.placeholders:
            yield self._request(harm, operation, {**ids, name: quote(encoded, safe="")})
        for name in (*operation.query, "unknown"):
            yield self._request(harm, operation, ids, query=f"?{name}={quote(encoded)}")
        if not set(encoded) & set(b"\0\r\n"):
            for name in (*operation.headers, "X-Request-ID"):
                yield self._request(harm, operation, ids, headers={name: encoded})
        for name in operation.fields:
            yield self._request(
                harm, operation, ids, body=_body(operation, {**example, name: text})
            )

    def _bodies(self, operation: Operation) -> Iterator[HostileRequest]:
        if operation.media_type is None:
            return
        whole = _body(operation, operation.example or {})
        cut = tuple(whole[:length] for length in range(1, len(whole) - 1, 4))
        for body in (*BROKEN, *cut):
            yield self._request(Harm.BODY, operation, self._attacker.ids, body=body)

    def _tokens(self, operation: Operation) -> Iterator[HostileRequest]:
        """Requests that would be right, had the victim sent them."""
        body = _body(operation, operation.example) if operation.example is not None else b""
        for name, token in forged(self._victim.token, key=self._key, other=self._attacker.token):
            yield self._request(
                Harm.TOKEN, operation, self._victim.ids, body=body, token=token, name=name
            )

    def _ids(self, operation: Operation) -> Iterator[HostileRequest]:
        """Each mixture of the attacker's ids and the victim's, in the attacker's name."""
        body = _body(operation, operation.example) if operation.example is not None else b""
        names = operation.placeholders
        for people in itertools.product((self._attacker, self._victim), repeat=len(names)):
            if self._victim in people:
                ids = {name: who.ids[name] for name, who in zip(names, people, strict=True)}
                yield self._request(Harm.IDS, operation, ids, body=body)

    def _request(
        self,
        harm: Harm,
        operation: Operation,
        ids: Mapping[str, str],
        *,
        query: str = "",
        headers: Mapping[str, bytes] | None = None,
        body: bytes = b"",
        token: str = "",
        name: str = "",
    ) -> HostileRequest:
        # After a logout, everything else would only be refused for it.
        is_end = operation.path.endswith(_LOGOUT)
        token = token or (self._attacker.spare_token if is_end else self._attacker.token)
        sent = {"Authorization": f"Bearer {token}".encode(), **(headers or {})}
        if operation.media_type is not None:
            sent["Content-Type"] = operation.media_type.encode()
        path = operation.path.format_map(ids)
        return HostileRequest(harm, name or harm, operation.method, path + query, sent, body)


def _body(operation: Operation, values: Mapping[str, object]) -> bytes:
    if operation.media_type == FORM:
        texts = {name: str(value) for name, value in values.items()}
        return urlencode(texts, errors="surrogatepass").encode()
    assert operation.media_type in {JSON, None}
    return json.dumps(values).encode()
