"""What each driver is given, for each kind of host."""

import getpass
import ssl
from pathlib import Path
from typing import Any

import pytest

from wellhead.errors import URLError
from wellhead.url import PostgresURL

CACHES_OFF = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
NEON = "ep-a-b-1.us-east-2.aws.neon.tech"
NEON_POOLED = "ep-a-b-1-pooler.us-east-2.aws.neon.tech"
LIMITS = {"statement_timeout": "5000", "application_name": "todo"}


@pytest.fixture(autouse=True)
def _no_certificates_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def arguments(text: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return PostgresURL.parse(text).connect_args(*args, **kwargs)


def test_asyncpg_is_told_all_that_it_would_look_up() -> None:
    assert arguments("postgresql://user:word@host/db") == {
        "ssl": "prefer",
        "direct_tls": False,
        "target_session_attrs": "any",
        "server_settings": {},
    }


def test_psycopg_is_told_all_that_it_would_look_up() -> None:
    assert arguments("postgresql+psycopg://user:word@host/db") == {
        "hostaddr": "",
        "sslmode": "prefer",
        "sslrootcert": "",
        "sslcert": "",
        "sslkey": "",
        "sslcrl": "",
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_max_protocol_version": "",
        "channel_binding": "prefer",
        "gssencmode": "disable",
        "target_session_attrs": "any",
        "application_name": "",
        "client_encoding": "UTF8",
        "options": "",
    }


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_missing_user_is_the_systems_and_a_missing_password_is_empty(scheme: str) -> None:
    given = arguments(f"{scheme}://host/db")

    assert (given["user"], given["password"]) == (getpass.getuser(), "")


def test_no_user_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)

    with pytest.raises(URLError, match="has no user"):
        arguments("postgresql://host/db")


@pytest.mark.parametrize("sslmode", ["allow", "prefer"])
def test_asyncpg_itself_falls_back_where_tls_is_optional(sslmode: str) -> None:
    assert arguments(f"postgresql://u:p@host/db?sslmode={sslmode}")["ssl"] == sslmode


def test_asyncpg_is_given_no_tls_when_it_is_disabled() -> None:
    assert arguments("postgresql://u:p@host/db?sslmode=disable")["ssl"] is False


def test_asyncpg_is_given_a_context_when_tls_is_required() -> None:
    context = arguments("postgresql://u:p@host/db?sslmode=require&sslnegotiation=direct")

    assert isinstance(context["ssl"], ssl.SSLContext)
    assert context["direct_tls"] is True


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_missing_certificate_is_told_before_connecting(scheme: str) -> None:
    url = PostgresURL.parse(f"{scheme}://u:p@host/db?sslmode=verify-full&sslrootcert=/no/root.crt")

    with pytest.raises(
        URLError, match=r"has a file in sslrootcert that does not exist, /no/root\.crt"
    ):
        url.connect_args()


def test_psycopg_is_given_the_systems_roots_as_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    given = arguments(f"postgresql+psycopg://u:p@{NEON}/db")

    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", str(bundle))


def test_psycopg_is_given_what_only_libpq_knows() -> None:
    url = PostgresURL.parse(
        "postgresql+psycopg://u:p@host/db?channel_binding=require&gssencmode=prefer&keepalives=1"
        "&keepalives_idle=30&tcp_user_timeout=15000&load_balance_hosts=random&sslmode=require"
        "&sslnegotiation=direct"
    )
    given = url.connect_args()

    assert url.notes == ()
    assert {name: given[name] for name in ("channel_binding", "gssencmode", "sslnegotiation")} == {
        "channel_binding": "require",
        "gssencmode": "prefer",
        "sslnegotiation": "direct",
    }
    assert (given["keepalives"], given["keepalives_idle"]) == (1, 30)
    assert (given["tcp_user_timeout"], given["load_balance_hosts"]) == (15000, "random")


def test_asyncpg_drops_what_only_libpq_knows_and_says_so() -> None:
    url = PostgresURL.parse("postgresql://u:p@host/db?gssencmode=prefer&keepalives=1")

    assert url.notes == ("gssencmode, keepalives: dropped, asyncpg has no such parameter.",)
    assert not {"gssencmode", "keepalives"} & url.connect_args().keys()


@pytest.mark.parametrize(
    ("sslmode", "words"),
    [("require", "write sslmode=verify-full"), ("verify-full", "protects the connection instead")],
)
def test_asyncpg_drops_channel_binding_and_says_what_protects_instead(
    sslmode: str, words: str
) -> None:
    url = PostgresURL.parse(f"postgresql://u:p@host/db?channel_binding=require&sslmode={sslmode}")

    (note,) = url.notes
    assert note.startswith("channel_binding=require is dropped")
    assert words in note


def test_psycopg_drops_what_only_asyncpg_knows_and_says_so() -> None:
    url = PostgresURL.parse("postgresql+psycopg://u:p@host/db?command_timeout=5")

    assert url.notes == ("command_timeout: dropped, psycopg has no such parameter.",)
    assert "command_timeout" not in url.connect_args()


def test_timeouts_reach_each_driver_in_its_own_form() -> None:
    query = "connect_timeout=2.5&command_timeout=7"
    asyncpg = arguments(f"postgresql://u:p@host/db?{query}")
    psycopg = arguments(f"postgresql+psycopg://u:p@host/db?{query}")

    assert (asyncpg["timeout"], asyncpg["command_timeout"]) == (2.5, 7.0)
    assert psycopg["connect_timeout"] == 3


def test_a_connect_timeout_of_zero_waits_for_ever() -> None:
    assert arguments("postgresql://u:p@host/db?connect_timeout=0")["timeout"] is None


def test_several_hosts_are_given_as_lists_to_asyncpg_and_as_text_to_psycopg() -> None:
    rest = "u:p@a,[::1]:5433/db?target_session_attrs=read-write"
    asyncpg = arguments(f"postgresql://{rest}")
    psycopg = arguments(f"postgresql+psycopg://{rest}")

    assert (asyncpg["host"], asyncpg["port"]) == (["a", "::1"], [5432, 5433])
    assert (psycopg["host"], psycopg["port"]) == ("a,::1", "5432,5433")
    assert asyncpg["target_session_attrs"] == psycopg["target_session_attrs"] == "read-write"


def test_settings_are_startup_parameters_on_a_plain_server() -> None:
    text = "u:p@host/db?options=-csearch_path%3Dapp%20-cjit%3Doff&application_name=mine"

    assert arguments(f"postgresql://{text}", LIMITS)["server_settings"] == {
        "statement_timeout": "5000",
        "application_name": "mine",
        "search_path": "app",
        "jit": "off",
    }
    psycopg = arguments(f"postgresql+psycopg://{text}", LIMITS)
    assert psycopg["options"] == "-cstatement_timeout=5000 -csearch_path=app -cjit=off"
    assert psycopg["application_name"] == "mine"


def test_the_urls_settings_win_over_the_callers() -> None:
    given = arguments(
        "postgresql://u:p@host/db?options=-cStatement_Timeout%3D9s", {"statement_TIMEOUT": "5s"}
    )

    assert given["server_settings"] == {"statement_timeout": "9s"}


def test_switches_that_are_no_settings_stay_in_options() -> None:
    given = arguments("postgresql://u:p@host/db?options=-B%2064%20-cjit%3Doff")

    assert given["server_settings"] == {"options": "-B 64", "jit": "off"}


def test_neons_proxy_is_given_settings_inside_options() -> None:
    given = arguments(f"postgresql://u:p@{NEON}/db?options=-csearch_path%3Da%5C%20b", LIMITS)

    assert given["server_settings"] == {
        "application_name": "todo",
        "options": r"-cstatement_timeout=5000 -csearch_path=a\ b",
    }


def test_an_endpoint_in_options_is_kept_for_neons_proxy() -> None:
    given = arguments("postgresql://u:p@tunnel/db?options=endpoint%3Dep-a-b-1", LIMITS)

    assert given["server_settings"]["options"] == "endpoint=ep-a-b-1 -cstatement_timeout=5000"


@pytest.mark.parametrize("host", ["host:6432", "host:6543", NEON_POOLED])
def test_a_pooler_is_given_only_the_settings_that_it_takes(host: str) -> None:
    asyncpg = arguments(f"postgresql://u:p@{host}/db", LIMITS)
    psycopg = arguments(f"postgresql+psycopg://u:p@{host}/db", LIMITS)

    assert asyncpg["server_settings"] == {"application_name": "todo"}
    assert (psycopg["application_name"], psycopg["options"]) == ("todo", "")


@pytest.mark.parametrize("host", ["host:6432", NEON_POOLED])
def test_settings_that_a_pooler_refuses_are_refused_at_once(host: str) -> None:
    with pytest.raises(URLError, match=r"sets jit, search_path in options.*ALTER ROLE \.\.\. SET"):
        PostgresURL.parse(f"postgresql://u:p@{host}/db?options=-csearch_path%3Da%20-cjit%3Doff")


def test_settings_that_a_pooler_takes_are_sent_through_it() -> None:
    given = arguments("postgresql://u:p@host:6432/db?options=-cTimeZone%3DUTC")

    assert given["server_settings"] == {"timezone": "UTC"}


def test_supavisor_decides_itself_about_settings() -> None:
    given = arguments("postgresql://u:p@host:6543/db?options=-csearch_path%3Da")

    assert given["server_settings"] == {"search_path": "a"}


@pytest.mark.parametrize(
    ("host", "relied_on", "caches"),
    [
        ("host", None, {}),
        ("host", True, {}),
        ("host", False, CACHES_OFF),
        ("host:6432", None, CACHES_OFF),
        ("host:6432", True, {}),
        ("host:6432", False, CACHES_OFF),
        (NEON_POOLED, None, CACHES_OFF),
    ],
)
def test_named_statements_are_not_relied_on_behind_a_pooler(
    host: str, relied_on: bool | None, caches: dict[str, int]
) -> None:
    asyncpg = arguments(f"postgresql://u:p@{host}/db", prepared_statements=relied_on)
    psycopg = arguments(f"postgresql+psycopg://u:p@{host}/db", prepared_statements=relied_on)

    assert {name: asyncpg[name] for name in CACHES_OFF if name in asyncpg} == caches
    assert psycopg.get("prepare_threshold", "default") == (None if caches else "default")


@pytest.mark.parametrize("name", list(CACHES_OFF))
def test_one_cache_off_turns_both_off(name: str) -> None:
    url = PostgresURL.parse(f"postgresql://u:p@host/db?{name}=0")

    assert url.connect_args().items() >= CACHES_OFF.items()
    assert url.notes == ("Both statement caches are off: one of them alone is not safe.",)


def test_cache_sizes_are_kept_on_a_plain_server() -> None:
    url = PostgresURL.parse(
        "postgresql://u:p@host/db?statement_cache_size=7&prepared_statement_cache_size=8"
    )
    given = url.connect_args()

    assert (given["statement_cache_size"], given["prepared_statement_cache_size"]) == (7, 8)
    assert url.notes == ()


def test_cache_sizes_are_not_kept_behind_a_pooler_and_that_is_said() -> None:
    url = PostgresURL.parse("postgresql://u:p@host:6432/db?prepared_statement_cache_size=500")

    assert url.connect_args().items() >= CACHES_OFF.items()
    assert url.notes == ("The statement caches are off: the host is a transaction pooler.",)
