"""A client of any HTTP API that knows nothing but its OpenAPI 3.1 document.

Operations are called by their `operationId`, parameters by their name. What is sent and what
comes back is compared with the document: a parameter, a status, a media type, a header or a body
that is not as it says is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urljoin, urlsplit

from httpx2 import AsyncClient, Headers, Response
from jsonschema_rs import Draft202012Validator, ValidationError

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"


class ContractError(Exception):
    """The API or its client does not conform to the document."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    definition: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is as the document says."""

    status: int
    headers: Headers
    body: Any


class OpenAPIClient:
    """Calls the operations of a document.

    Args:
        http: Sends the requests.
        url: Where the document is; its addresses are relative to it.
        document: The document.
    """

    def __init__(self, http: AsyncClient, *, url: str, document: Json) -> None:
        self._http = http
        self._components: Json = document.get("components", {})
        servers = document.get("servers", [{"url": "/"}])
        self._server = urljoin(url, servers[0]["url"])
        self._authorization: str | None = None
        self.operations = {
            definition["operationId"]: Operation(
                definition["operationId"], method.upper(), path, definition
            )
            for path, methods in document["paths"].items()
            for method, definition in methods.items()
        }

    @classmethod
    async def discover(cls, http: AsyncClient, url: str) -> Self:
        """Read the document and make a client of it."""
        answer = await http.get(url)
        answer.raise_for_status()
        return cls(http, url=url, document=answer.json())

    async def log_in(self, *, username: str, password: str) -> Answer:
        """Get an access token by the document's OAuth 2 password flow, to be sent from now on.

        Raises:
            ContractError: There is no such flow, or its `tokenUrl` leads to no operation.
        """
        path = urlsplit(urljoin(self._server, self._token_url())).path
        for operation in self.operations.values():
            if operation.method == "POST" and self._url(operation.path) == path:
                form = {"grant_type": "password", "username": username, "password": password}
                answer = await self.call(operation.name, form)
                self._authorization = f"{answer.body['token_type']} {answer.body['access_token']}"
                return answer
        raise ContractError(f"The token URL {path} leads to no operation.")

    async def call(self, name: str, body: Any = None, /, **parameters: Any) -> Answer:
        """Call an operation.

        Args:
            name: Its `operationId`.
            body: What to send, or None for nothing: fields of a form, or what becomes JSON.
            parameters: Those of path, query and headers; `_` stands for `-`, too.

        Raises:
            ContractError: The call or its answer is not as the document says.
        """
        operation = self.operations[name]
        path, query, headers = self._place(operation, parameters)
        if operation.definition.get("security") and self._authorization is not None:
            headers["Authorization"] = self._authorization
        response = await self._http.request(
            operation.method,
            urljoin(self._server, path),
            params=query,
            headers=headers,
            **self._encode(operation, body),
        )
        return self._read(operation, response)

    def _token_url(self) -> str:
        for scheme in self._components.get("securitySchemes", {}).values():
            if scheme["type"] == "oauth2" and "password" in scheme["flows"]:
                url: str = scheme["flows"]["password"]["tokenUrl"]
                return url
        raise ContractError("The document offers no OAuth 2 password flow.")

    def _url(self, path: str) -> str:
        return f"{urlsplit(self._server).path.rstrip('/')}{path}"

    def _place(
        self, operation: Operation, given: Mapping[str, Any]
    ) -> tuple[str, Json, dict[str, str]]:
        left = dict(given)
        path, query, headers = self._url(operation.path), {}, {}
        for parameter in operation.definition.get("parameters", []):
            name = parameter["name"]
            key = name.replace("-", "_").lower()
            if key not in left:
                if parameter.get("required"):
                    raise ContractError(f"{operation.name} needs {name}.")
                continue
            value = left.pop(key)
            self._check(parameter["schema"], value, f"{operation.name}: {name}")
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            elif parameter["in"] == "query":
                query[name] = value
            else:
                headers[name] = str(value)
        if left:
            raise ContractError(f"{operation.name} does not take {', '.join(left)}.")
        return path, query, headers

    def _encode(self, operation: Operation, body: Any) -> Json:
        definition = operation.definition.get("requestBody", {})
        if body is None:
            if definition.get("required"):
                raise ContractError(f"{operation.name} needs a body.")
            return {}
        for kind, media in definition.get("content", {}).items():
            self._check(media["schema"], body, f"{operation.name}: the body")
            return {"data" if kind == FORM else "json": body}
        raise ContractError(f"{operation.name} takes no body.")

    def _read(self, operation: Operation, response: Response) -> Answer:
        told = f"{operation.name} answered {response.status_code}"
        documented = operation.definition["responses"].get(str(response.status_code))
        if documented is None:
            raise ContractError(f"{told}, which is not documented: {response.text}")
        for name, header in documented.get("headers", {}).items():
            if name in response.headers:
                self._check(header["schema"], response.headers[name], f"{told}: {name}")
        body = self._body(documented.get("content", {}), response, told)
        return Answer(response.status_code, response.headers, body)

    def _body(self, content: Json, response: Response, told: str) -> Any:
        if not content:
            if response.content:
                raise ContractError(f"{told} with a body, which is not documented.")
            return None
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind not in content:
            raise ContractError(f"{told} as {kind!r}, which is not documented.")
        body = response.json()
        self._check(content[kind]["schema"], body, told)
        return body

    def _check(self, schema: Json, value: Any, told: str) -> None:
        whole = {"components": self._components, **schema}
        try:
            Draft202012Validator(whole, validate_formats=True).validate(value)
        except ValidationError as error:
            raise ContractError(f"{told}: {error.message}") from error
