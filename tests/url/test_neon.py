"""What host names and ports say about Neon and about poolers."""

import pytest

from wellhead.errors import URLError
from wellhead.url import PostgresURL

NEON = "?sslmode=require&channel_binding=require"
TWINS = [
    (
        "ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech",
        "ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech",
        "ep-cool-darkness-a1b2c3d4",
    ),
    (
        "ep-cool-darkness-a1b2c3d4.c-2.us-east-2.aws.neon.tech",
        "ep-cool-darkness-a1b2c3d4-pooler.c-2.us-east-2.aws.neon.tech",
        "ep-cool-darkness-a1b2c3d4",
    ),
    (
        "ep-shy-sun-123456.westus3.azure.neon.tech",
        "ep-shy-sun-123456-pooler.westus3.azure.neon.tech",
        "ep-shy-sun-123456",
    ),
    (
        "ep-old-river-654321.eu-central-1.aws.neon.build",
        "ep-old-river-654321-pooler.eu-central-1.aws.neon.build",
        "ep-old-river-654321",
    ),
    (
        "EP-Cool-Darkness-A1B2C3D4.US-East-2.AWS.Neon.Tech",
        "EP-Cool-Darkness-A1B2C3D4-pooler.US-East-2.AWS.Neon.Tech",
        "ep-cool-darkness-a1b2c3d4",
    ),
]


@pytest.mark.parametrize(("direct", "pooled", "endpoint"), TWINS)
def test_neon_hosts_have_an_endpoint_and_twins(direct: str, pooled: str, endpoint: str) -> None:
    at_pooler = PostgresURL.parse(f"postgresql://alex:AbC123dEf@{pooled}/dbname{NEON}")
    at_server = PostgresURL.parse(f"postgresql://alex:AbC123dEf@{direct}/dbname{NEON}")

    assert (at_pooler.provider, at_server.provider) == ("neon", "neon")
    assert (at_pooler.is_pooled, at_server.is_pooled) == (True, False)
    assert (at_pooler.endpoint_id, at_server.endpoint_id) == (endpoint, endpoint)
    assert at_pooler.direct() == at_server
    assert at_server.direct() is at_server


def test_only_the_first_label_makes_a_host_pooled() -> None:
    url = PostgresURL.parse("postgresql://u:p@ep-a-b-1.x-pooler.aws.neon.tech/db")

    assert not url.is_pooled


@pytest.mark.parametrize(
    "host",
    [
        "console.neon.tech",
        "pg.neon.tech",
        "ep-a-b-1.aws.neon.tech.example.com",
        "ep-a-b-1.neon.example.com",
        "neon.tech",
        "localhost",
    ],
)
def test_other_hosts_are_plain_postgresql(host: str) -> None:
    url = PostgresURL.parse(f"postgresql://neon:npg@{host}/db")

    assert (url.provider, url.is_pooled, url.endpoint_id) == ("postgresql", False, None)
    assert url.direct() is url


def test_neons_form_for_prisma_is_pooled_and_has_a_direct_twin() -> None:
    url = PostgresURL.parse(
        "postgresql://u:p@ep-a-b-1-pooler.us-east-2.aws.neon.tech/db"
        "?sslmode=require&pgbouncer=true&connect_timeout=15"
    )

    assert url.is_pooled
    assert url.connect_timeout == 15
    assert not url.direct().is_pooled


def test_an_endpoint_named_in_options_is_neon_behind_another_host() -> None:
    url = PostgresURL.parse(
        "postgresql://u:p@tunnel.example.com/db?options=endpoint%3Dep-a-b-1-pooler"
    )

    assert (url.provider, url.endpoint_id, url.is_pooled) == ("neon", "ep-a-b-1", True)
    assert url.sslmode == "prefer"
    with pytest.raises(URLError, match="DATABASE_URL_DIRECT"):
        url.direct()


@pytest.mark.parametrize(
    ("text", "is_pooled"),
    [
        ("postgresql://u:p@bouncer:6432/db", True),
        ("postgresql://u:p@aws-0-eu-west-1.pooler.supabase.com:6543/postgres", True),
        ("postgresql://u:p@aws-0-eu-west-1.pooler.supabase.com:5432/postgres", False),
        ("postgresql://u:p@db.abc.supabase.co:5432/postgres", False),
        ("postgresql://u:p@bouncer:5432/db?pgbouncer=true", True),
        ("postgresql://u:p@server:6432/db?pgbouncer=false", False),
        ("postgresql://u:p@%2Frun%2Fpgbouncer:6432/db?pgbouncer=true", True),
        ("postgresql://u:p@a:5432,b:6432/db", True),
    ],
)
def test_transaction_poolers_are_known_by_port_or_parameter(text: str, is_pooled: bool) -> None:
    url = PostgresURL.parse(text)

    assert url.is_pooled is is_pooled
    assert url.provider == ("pgbouncer" if is_pooled else "postgresql")


@pytest.mark.parametrize(
    "host",
    ["aws-0-eu-west-1.pooler.supabase.com", "db.abc.supabase.co"],
    ids=["shared", "dedicated"],
)
@pytest.mark.parametrize("parameter", ["", "?pgbouncer=true"])
def test_supabases_pooler_has_a_twin_for_sessions_on_the_same_host(
    host: str, parameter: str
) -> None:
    twin = PostgresURL.parse(f"postgresql://u:p@{host}:6543/postgres{parameter}").direct()

    assert (str(twin.hosts[0]), twin.is_pooled, twin.user, twin.password) == (host, False, "u", "p")


def test_a_pooler_that_nobody_knows_has_no_derivable_twin() -> None:
    url = PostgresURL.parse("postgresql://u:p@bouncer/db?pgbouncer=true")

    with pytest.raises(URLError, match="set DATABASE_URL_DIRECT"):
        url.direct()
