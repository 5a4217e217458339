"""A FastAPI that would commit after the response is refused."""

import fastapi
import pytest

from wellhead import ConfigurationError
from wellhead.fastapi.scopes import refuse_without_scopes


@pytest.mark.parametrize("version", ["0.106.0", "0.117.1", "0.118.0", "0.120.4", "0.121.0"])
def test_a_fastapi_that_sends_the_response_before_the_commit_is_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match=version) as caught:
        refuse_without_scopes(version)

    assert "fastapi>=0.121.1" in str(caught.value)


@pytest.mark.parametrize("version", ["0.121.1", "0.122.0rc1", "1.0.0", fastapi.__version__])
def test_one_that_commits_first_is_taken(version: str) -> None:
    refuse_without_scopes(version)
