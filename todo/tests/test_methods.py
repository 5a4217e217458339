"""405: which methods a path takes."""

import pytest
from httpx2 import AsyncClient

from todo.models import new_id


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET"),
        ("/health", "GET"),
        ("/docs", "GET"),
        ("/docs-assets/swagger/swagger-ui.css", "GET, HEAD"),
        ("/api/auth/login", "POST"),
        ("/api/{user}/tasks", "GET, POST"),
        ("/api/{user}/tasks/", "GET, POST"),
        ("/api/{user}/tasks/{task}", "DELETE, GET, PATCH, PUT"),
        ("/api/{user}/tasks/x", "DELETE, GET, PATCH, PUT"),
        ("/api/{user}/tasks/counts", "GET"),
        ("/api/{user}/tasks/counts/", "GET"),
        ("/api/{user}/tasks/bulk", "POST"),
        ("/api/{user}/tags/{tag}/tasks/{task}", "DELETE, PUT"),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "BREW"])
async def test_every_method_of_a_path_is_named(
    client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path.format(user=new_id(), task=new_id(), tag=new_id()))

    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"
