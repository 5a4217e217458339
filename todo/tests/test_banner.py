"""What `todo serve` prints first."""

from staged import KEY

from todo.banner import banner
from todo.listening import listen
from todo.server import Serving
from todo.settings import Settings


def serving(host: str = "127.0.0.1") -> Serving:
    return Serving(host=host, port=0, workers=1, reload=False)


def test_the_banner_says_where_it_is_and_what_to_do_first() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        text = banner(Settings(), serving(), listener, "in a folder")

    assert f"  Address  {address}  (try it: {address}/docs)" in text
    assert "  Data     in a folder" in text
    assert f"  curl -s {address}/api/auth/register" in text
    assert "development set-up" not in text


def test_the_banner_writes_ipv6_in_brackets() -> None:
    with listen("::1", 0) as listener:
        port = listener.getsockname()[1]
        text = banner(Settings(), serving("::1"), listener, "data")

    assert f"http://[::1]:{port}" in text


def test_whoever_lets_everybody_in_is_told_what_production_needs() -> None:
    with listen("127.0.0.1", 0) as listener:
        text = banner(Settings(), serving("0.0.0.0"), listener, "data")  # noqa: S104 - not bound

    assert "http://127.0.0.1:" in text
    assert "Set APP_ENV=production, DATABASE_URL and JWT_SECRET_KEY." in text


def test_production_is_not_told_about_production() -> None:
    settings = Settings(app_env="production", jwt_secret_key=KEY)
    with listen("127.0.0.1", 0) as listener:
        text = banner(settings, serving("0.0.0.0"), listener, "data")  # noqa: S104 - not bound

    assert "development set-up" not in text
