"""What the Todo API can be asked, read from its own document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        method: In capitals.
        path: With its placeholders, such as `{user_id}`.
        query: The names that its query may hold.
        headers: The names of the headers that it reads in addition to `Authorization`.
        media_type: Of its body; None where it takes none.
        example: A body that it takes, as far as one can be made up.
        fields: The names that its body may hold.
        is_private: Whether it wants a token.
    """

    method: str
    path: str
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    media_type: str | None = None
    example: Mapping[str, Any] | None = None
    fields: tuple[str, ...] = ()
    is_private: bool = False

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


def operations(document: Document) -> Iterator[Operation]:
    """Every operation of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            parameters = described.get("parameters", ())
            media_type, schema = _body(document, described)
            yield Operation(
                method.upper(),
                path,
                query=tuple(each["name"] for each in parameters if each["in"] == "query"),
                headers=tuple(each["name"] for each in parameters if each["in"] == "header"),
                media_type=media_type,
                example=_example(document, schema) if media_type else None,
                fields=tuple(schema.get("properties", ())),
                is_private=bool(described.get("security")),
            )


def _body(document: Document, described: Document) -> tuple[str | None, Document]:
    for media_type, content in described.get("requestBody", {}).get("content", {}).items():
        return media_type, _resolved(document, content["schema"])
    return None, {}


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _example(document: Document, schema: Document) -> dict[str, Any]:
    """What is required, and further texts."""
    required = schema.get("required", ())
    return {
        name: _value(described)
        for name, described in (
            (name, _resolved(document, each)) for name, each in schema["properties"].items()
        )
        if name in required or "examples" in described
    }


def _value(schema: Document) -> object:
    examples = schema.get("examples", [])
    return examples[0] if examples else "x"
