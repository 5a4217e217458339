"""`/api/auth` over HTTP, on a real database."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlmodel import select
from staged import PASSWORD, StagedAccount, client_of, log_in, make_account, running

from todo.accounts.models import Login, User
from todo.main import create_app
from todo.settings import Settings
from wellhead import Database

NEW_PASSWORD = "a new battery staple"


async def register(client: AsyncClient, **changes: Any) -> Response:
    body = {"email": "ada@example.com", "password": PASSWORD, **changes}
    return await client.post("/api/auth/register", json=body)


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/auth/refresh", json={"refresh_token": token})


def assert_problem(answer: Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == kind
    assert answer.json()["status"] == status


class TestRegister:
    async def test_an_account_is_made_and_shown_without_its_hash(self, client: AsyncClient) -> None:
        answer = await register(client, name="Ada")

        assert answer.status_code == 201
        assert answer.headers["location"] == "/api/auth/me"
        assert set(answer.json()) == {"id", "email", "name", "created_at"}
        assert answer.json()["email"] == "ada@example.com"
        assert UUID(answer.json()["id"]).version == 7

    async def test_a_taken_address_is_a_conflict_in_any_case(self, client: AsyncClient) -> None:
        await register(client)

        assert_problem(await register(client, email="ADA@Example.com"), 409, "urn:todo:email-taken")

    async def test_of_two_registrations_at_once_one_wins(
        self, client: AsyncClient, database: Database
    ) -> None:
        answers = await asyncio.gather(*(register(client) for _ in range(5)))

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        async with database.reader() as reader:
            assert len((await reader.exec(select(User.id))).all()) == 1

    async def test_the_address_is_kept_as_it_was_typed(self, client: AsyncClient) -> None:
        answer = await register(client, email="  Ada.Lovelace@Example.COM ")

        assert answer.json()["email"] == "Ada.Lovelace@example.com"

    async def test_the_password_is_stored_as_argon2id(
        self, client: AsyncClient, database: Database
    ) -> None:
        await register(client)

        async with database.reader() as reader:
            (stored,) = (await reader.exec(select(User.password_hash))).all()
        assert stored.startswith("$argon2id$")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", "no address"),
            ("email", "a@b"),
            ("email", "ada\x00@example.com"),
            ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.com"),
            ("email", 7),
            ("email", None),
            ("password", "seven77"),
            ("password", "x" * 129),
            ("password", ["a", "list"]),
            ("name", "x" * 101),
            ("name", "nul\x00name"),
            ("name", "two\nlines"),
            ("surprise", 1),
        ],
    )
    async def test_a_bad_value_is_refused_by_the_name_of_its_field(
        self, client: AsyncClient, field: str, value: object
    ) -> None:
        answer = await register(client, **{field: value})

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]

    @pytest.mark.parametrize(
        "body",
        [
            rb'{"email": "ada@example.com", "password": "\ud800 horse battery"}',
            rb'{"email": "a\ud800@example.com", "password": "correct horse"}',
            rb'{"email": "ada@example.com", "password": "correct horse", "name": "\udfff"}',
            rb'{"email": "ada@example.com", "password": "correct horse", "\ud800": 1}',
        ],
    )
    async def test_a_lone_surrogate_is_refused(self, client: AsyncClient, body: bytes) -> None:
        answer = await client.post(
            "/api/auth/register", content=body, headers={"Content-Type": "application/json"}
        )

        assert answer.status_code == 422

    async def test_the_password_is_not_repeated_in_a_refusal(self, client: AsyncClient) -> None:
        answer = await register(client, password="short77", email="x")

        assert "short77" not in answer.text

    async def test_the_address_is_no_password(self, client: AsyncClient) -> None:
        answer = await register(client, password="Ada@Example.com")

        assert_problem(answer, 422, "urn:todo:password-is-email")

    async def test_a_password_may_be_long_and_in_any_script(self, client: AsyncClient) -> None:
        password = "пароль🔐" + "ж" * 121
        assert len(password) == 128

        assert (await register(client, password=password)).status_code == 201
        await log_in(client, "ada@example.com", password)

    async def test_a_blank_name_is_no_name(self, client: AsyncClient) -> None:
        assert (await register(client, name="  ")).json()["name"] is None

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"email": 1e999}', b"[" * 5000],
    )
    async def test_a_body_that_is_no_registration_is_refused(
        self, client: AsyncClient, body: bytes
    ) -> None:
        answer = await client.post(
            "/api/auth/register", content=body, headers={"Content-Type": "application/json"}
        )

        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("kind", ["text/plain", "application/xml", "nonsense", ""])
    async def test_a_wrong_content_type_is_refused(self, client: AsyncClient, kind: str) -> None:
        answer = await client.post(
            "/api/auth/register",
            content=b'{"email": "ada@example.com", "password": "correct horse"}',
            headers={"Content-Type": kind},
        )

        assert answer.status_code in {415, 422}


class TestLogin:
    async def test_a_login_gives_two_tokens_and_their_lifetimes(self, client: AsyncClient) -> None:
        await register(client)

        answer = await client.post(
            "/api/auth/login", data={"username": "ada@example.com", "password": PASSWORD}
        )

        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        tokens = answer.json()
        assert tokens["token_type"] == "bearer"
        assert tokens["expires_in"] == 15 * 60
        assert tokens["refresh_expires_in"] == 7 * 24 * 3600

    async def test_the_address_is_found_in_any_case(self, client: AsyncClient) -> None:
        await register(client, email="Ada@example.com")

        await log_in(client, " aDA@EXAMPLE.com", PASSWORD)

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("ada@example.com", "wrong"),
            ("nobody@example.com", PASSWORD),
            ("no address", PASSWORD),
            ("ada@example.com", PASSWORD.upper()),
        ],
    )
    async def test_an_unknown_address_and_a_wrong_password_are_the_same_answer(
        self, client: AsyncClient, username: str, password: str
    ) -> None:
        await register(client)

        answer = await client.post(
            "/api/auth/login", data={"username": username, "password": password}
        )

        assert_problem(answer, 401, "urn:todo:login-failed")
        assert answer.json()["detail"] == "The e-mail address or the password is wrong."
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"username": "ada@example.com"},
            {"password": "x"},
            {"username": "", "password": "x"},
            {"username": "ada@example.com", "password": ""},
            {"username": "a\x00b", "password": "x"},
            {"username": "ada@example.com", "password": "x" * 129},
            {"username": "ada@example.com", "password": "x", "grant_type": "implicit"},
        ],
    )
    async def test_a_form_that_is_none_is_refused(
        self, client: AsyncClient, form: dict[str, str]
    ) -> None:
        assert (await client.post("/api/auth/login", data=form)).status_code == 422

    async def test_json_is_told_what_to_send(self, client: AsyncClient) -> None:
        await register(client)

        answer = await client.post(
            "/api/auth/login", json={"username": "ada@example.com", "password": PASSWORD}
        )

        assert_problem(answer, 415, "about:blank")
        assert answer.json()["detail"] == (
            "The body is application/json; send username and password as "
            "application/x-www-form-urlencoded."
        )
        assert answer.headers["accept-post"] == "application/x-www-form-urlencoded"

    @pytest.mark.parametrize("kind", ["text/plain", "Application/XML; charset=utf-8", "x" * 3000])
    async def test_a_body_of_another_kind_is_refused(self, client: AsyncClient, kind: str) -> None:
        answer = await client.post(
            "/api/auth/login", content=b"username=a&password=b", headers={"Content-Type": kind}
        )

        assert answer.status_code == 415
        assert len(answer.content) < 1000

    async def test_a_form_may_say_its_charset_or_have_many_parts(self, client: AsyncClient) -> None:
        await register(client)
        form = {"username": "ada@example.com", "password": PASSWORD}

        said = await client.post(
            "/api/auth/login",
            data=form,
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        )
        parts = await client.post(
            "/api/auth/login", files={name: (None, value) for name, value in form.items()}
        )

        assert (said.status_code, parts.status_code) == (200, 200)

    async def test_bytes_that_are_no_text_are_refused_politely(self, client: AsyncClient) -> None:
        answer = await client.post(
            "/api/auth/login",
            content=b"username=%ff%fe%ed%a0%80&password=%ff",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )

        assert answer.status_code == 401

    async def test_what_an_oauth_client_sends_besides_is_ignored(self, client: AsyncClient) -> None:
        await register(client)
        form = {
            "grant_type": "password",
            "username": "ada@example.com",
            "password": PASSWORD,
            "scope": "",
            "client_id": "docs",
            "client_secret": "x",
        }

        assert (await client.post("/api/auth/login", data=form)).status_code == 200

    async def test_only_the_hash_of_the_refresh_token_is_stored(
        self, account: StagedAccount, database: Database
    ) -> None:
        async with database.reader() as reader:
            (login,) = (await reader.exec(select(Login))).all()
        assert login.user_id == account.id
        assert len(login.token_hash) == 32
        assert account.refresh_token.encode() not in login.token_hash

    async def test_an_old_hash_is_renewed(
        self, client: AsyncClient, database: Database, settings: Settings
    ) -> None:
        account = await make_account(client)
        dearer = settings.model_copy(update={"argon2_memory_kib": 8 * 1024})
        second = create_app(dearer, Database(database.settings))
        async with running(second) as other_client:
            await log_in(other_client, account.email, account.password)
            await log_in(other_client, account.email, account.password)

        async with database.reader() as reader:
            (stored,) = (await reader.exec(select(User.password_hash))).all()
        assert "m=8192" in stored


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={
                "login_attempts_per_account": "3 per hour",
                "login_attempts_per_address": "6 per hour",
                "registrations_per_address": "2 per hour",
            }
        )

    async def try_wrong(self, client: AsyncClient, email: str = "ada@example.com") -> Response:
        return await client.post("/api/auth/login", data={"username": email, "password": "wrong"})

    async def test_further_tries_are_refused_even_with_the_right_password(
        self, client: AsyncClient
    ) -> None:
        await register(client)
        for _ in range(3):
            assert (await self.try_wrong(client)).status_code == 401

        answer = await client.post(
            "/api/auth/login", data={"username": "ada@example.com", "password": PASSWORD}
        )

        assert_problem(answer, 429, "urn:todo:too-many-attempts")
        assert 3500 < int(answer.headers["retry-after"]) <= 3600

    async def test_an_unknown_address_is_limited_just_the_same(self, client: AsyncClient) -> None:
        statuses = [
            (await self.try_wrong(client, "nobody@example.com")).status_code for _ in range(4)
        ]

        assert statuses == [401, 401, 401, 429]

    @pytest.mark.parametrize(
        "spelling", ["Ada@example.com", "ad\u0041@example.com", "ADA@EXAMPLE.COM"]
    )
    async def test_no_spelling_of_the_address_gives_more_tries(
        self, client: AsyncClient, spelling: str
    ) -> None:
        for _ in range(3):
            await self.try_wrong(client)

        assert (await self.try_wrong(client, spelling)).status_code == 429

    async def test_a_spelling_that_some_locales_confuse_is_another_account(
        self, client: AsyncClient
    ) -> None:
        await register(client, email="ivan@example.com")
        dotted = "\u0130van@example.com"

        assert (await register(client, email=dotted)).status_code == 201
        for email in ("ivan@example.com", dotted):
            await log_in(client, email, PASSWORD)

    async def test_a_successful_login_clears_the_account_s_count(self, client: AsyncClient) -> None:
        await register(client)
        for _ in range(2):
            await self.try_wrong(client)
        await log_in(client, "ada@example.com", PASSWORD)

        statuses = [(await self.try_wrong(client)).status_code for _ in range(3)]

        assert statuses == [401, 401, 401]

    async def attack(self, app: FastAPI, email: str, *, networks: int) -> list[int]:
        """The statuses of wrong passwords, one from each of many networks."""
        statuses = []
        for number in range(networks):
            async with client_of(app, address=f"198.51.100.{number}") as client:
                statuses.append((await self.try_wrong(client, email)).status_code)
        return statuses

    async def test_a_stranger_s_tries_do_not_lock_the_owner_out(
        self, client: AsyncClient, app: FastAPI
    ) -> None:
        await register(client)
        async with client_of(app, address="198.51.100.1") as stranger:
            for _ in range(5):
                last = await self.try_wrong(stranger)
        assert last.status_code == 429

        await log_in(client, "ada@example.com", PASSWORD)

    async def test_many_networks_are_slowed_down_and_the_owner_s_is_not(
        self, client: AsyncClient, app: FastAPI
    ) -> None:
        await register(client)

        assert await self.attack(app, "ada@example.com", networks=18) == [401] * 15 + [429] * 3
        # Where the account was registered, its owner is expected again.
        await log_in(client, "ada@example.com", PASSWORD)
        async with client_of(app, address="203.0.113.1") as elsewhere:
            answer = await self.try_wrong(elsewhere)
        assert_problem(answer, 429, "urn:todo:too-many-attempts")
        assert f"try again in {answer.headers['retry-after']} s" in answer.json()["detail"]

    async def test_an_account_that_does_not_exist_is_attacked_just_the_same(
        self, client: AsyncClient, app: FastAPI
    ) -> None:
        del client
        statuses = await self.attack(app, "nobody@example.com", networks=18)

        assert statuses == [401] * 15 + [429] * 3

    async def test_an_attack_does_not_keep_the_owner_from_a_change(
        self, client: AsyncClient, app: FastAPI
    ) -> None:
        account = await make_account(client)
        await self.attack(app, account.email, networks=18)
        async with client_of(app, address="203.0.113.1") as elsewhere:
            changed = await elsewhere.post(
                "/api/auth/change-password",
                json={"current_password": account.password, "new_password": NEW_PASSWORD},
                headers=account.headers,
            )
            assert changed.status_code == 200
            # From where the password was changed, it may be typed again.
            await log_in(elsewhere, account.email, NEW_PASSWORD)

    async def test_one_client_cannot_try_many_accounts(
        self, client: AsyncClient, app: FastAPI
    ) -> None:
        for number in range(6):
            await self.try_wrong(client, f"person{number}@example.com")

        assert (await self.try_wrong(client, "seventh@example.com")).status_code == 429
        async with client_of(app, address="192.0.2.99") as elsewhere:
            assert (await self.try_wrong(elsewhere, "seventh@example.com")).status_code == 401

    async def test_a_forwarded_address_is_not_believed(self, client: AsyncClient) -> None:
        for number in range(7):
            answer = await client.post(
                "/api/auth/login",
                data={"username": f"person{number}@example.com", "password": "wrong"},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            )

        assert answer.status_code == 429

    async def test_many_tries_at_once_are_counted_one_by_one(self, client: AsyncClient) -> None:
        answers = await asyncio.gather(*(self.try_wrong(client) for _ in range(6)))

        assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 3

    async def test_registrations_are_limited_by_client(self, client: AsyncClient) -> None:
        for number in range(2):
            await register(client, email=f"person{number}@example.com")

        answer = await register(client, email="third@example.com")

        assert_problem(answer, 429, "urn:todo:too-many-attempts")

    async def test_a_stolen_token_cannot_guess_the_password(self, client: AsyncClient) -> None:
        account = await make_account(client)
        guesses = [
            await client.post(
                "/api/auth/delete-account", json={"password": "wrong"}, headers=account.headers
            )
            for _ in range(4)
        ]

        assert [guess.status_code for guess in guesses] == [403, 403, 403, 429]


class TestRefresh:
    async def test_a_refresh_token_is_exchanged_for_the_next_pair(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await refresh(client, account.refresh_token)

        assert answer.status_code == 200
        tokens = answer.json()
        assert tokens["refresh_token"] != account.refresh_token
        me = await client.get(
            "/api/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}
        )
        assert me.json()["id"] == str(account.id)

    async def test_the_next_token_works_in_turn(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        token = account.refresh_token
        for _ in range(3):
            answer = await refresh(client, token)
            assert answer.status_code == 200
            token = answer.json()["refresh_token"]

    async def test_a_forged_token_does_not_end_the_login(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        assert_problem(
            await refresh(client, account.refresh_token[:-4] + "AAAA"),
            401,
            "urn:todo:token-invalid",
        )

        assert (await refresh(client, account.refresh_token)).status_code == 200

    async def test_an_access_token_is_not_taken(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        assert_problem(await refresh(client, account.access_token), 401, "urn:todo:token-invalid")


class TestLogout:
    async def test_a_login_ends_with_its_refresh_token(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await client.post("/api/auth/logout", headers=account.headers)

        assert (answer.status_code, answer.content) == (204, b"")
        assert_problem(await refresh(client, account.refresh_token), 401, "urn:todo:login-over")

    async def test_logging_out_twice_is_fine(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        await client.post("/api/auth/logout", headers=account.headers)

        again = await client.post("/api/auth/logout", headers=account.headers)

        assert again.status_code == 204

    async def test_other_logins_go_on(self, client: AsyncClient, account: StagedAccount) -> None:
        other = await log_in(client, account.email, account.password)
        await client.post("/api/auth/logout", headers=account.headers)

        assert (await refresh(client, other["refresh_token"])).status_code == 200


class TestMe:
    async def test_the_account_is_shown_to_its_owner(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await client.get("/api/auth/me", headers=account.headers)

        assert answer.status_code == 200
        assert answer.json()["id"] == str(account.id)
        assert answer.json()["email"] == account.email

    @pytest.mark.parametrize(
        "authorization",
        [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b.c", "Bearer \xe9"],
    )
    async def test_without_a_token_nobody_is_anybody(
        self, client: AsyncClient, authorization: str | None
    ) -> None:
        headers = (
            {} if authorization is None else {b"Authorization": authorization.encode("latin1")}
        )

        answer = await client.get("/api/auth/me", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_a_refresh_token_opens_nothing(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await client.get(
            "/api/auth/me", headers={"Authorization": f"Bearer {account.refresh_token}"}
        )

        assert_problem(answer, 401, "urn:todo:token-invalid")
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


class TestChangePassword:
    async def change(
        self, client: AsyncClient, account: StagedAccount, *, current: str, new: str
    ) -> Response:
        return await client.post(
            "/api/auth/change-password",
            json={"current_password": current, "new_password": new},
            headers=account.headers,
        )

    async def test_the_new_password_is_the_only_one(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await self.change(client, account, current=account.password, new=NEW_PASSWORD)

        assert answer.status_code == 200
        await log_in(client, account.email, NEW_PASSWORD)
        old = await client.post(
            "/api/auth/login", data={"username": account.email, "password": account.password}
        )
        assert old.status_code == 401

    async def test_every_login_ends_and_a_new_one_starts(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        other = await log_in(client, account.email, account.password)
        answer = await self.change(client, account, current=account.password, new=NEW_PASSWORD)

        assert (await refresh(client, account.refresh_token)).status_code == 401
        assert (await refresh(client, other["refresh_token"])).status_code == 401
        assert (await refresh(client, answer.json()["refresh_token"])).status_code == 200

    async def test_the_current_password_must_be_right(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await self.change(client, account, current="wrong", new=NEW_PASSWORD)

        assert_problem(answer, 403, "urn:todo:password-wrong")
        await log_in(client, account.email, account.password)

    async def test_the_address_is_no_password(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answer = await self.change(
            client, account, current=account.password, new=account.email.upper()
        )

        assert_problem(answer, 422, "urn:todo:password-is-email")

    async def test_of_two_changes_at_once_one_wins(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        answers = await asyncio.gather(
            *(
                self.change(client, account, current=account.password, new=f"{NEW_PASSWORD} {n}")
                for n in range(3)
            )
        )

        # The later ones proved a password that is none any more, before or after the change.
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {401, 403}


class TestDeleteAccount:
    async def delete(self, client: AsyncClient, account: StagedAccount, password: str) -> Response:
        return await client.post(
            "/api/auth/delete-account", json={"password": password}, headers=account.headers
        )

    async def test_the_account_goes_with_all_that_is_its(
        self, client: AsyncClient, account: StagedAccount, database: Database
    ) -> None:
        created = await client.post(
            f"/api/{account.id}/tasks",
            json={"title": "Left behind", "tags": ["tag"]},
            headers=account.headers,
        )
        assert created.status_code == 201

        answer = await self.delete(client, account, account.password)

        assert (answer.status_code, answer.content) == (204, b"")
        async with database.reader() as reader:
            assert (await reader.exec(select(User.id))).all() == []
            assert (await reader.exec(select(Login.id))).all() == []

    async def test_the_password_must_be_right(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        assert_problem(await self.delete(client, account, "wrong"), 403, "urn:todo:password-wrong")
        assert (await client.get("/api/auth/me", headers=account.headers)).status_code == 200

    async def test_others_stay(
        self, client: AsyncClient, account: StagedAccount, other_account: StagedAccount
    ) -> None:
        await self.delete(client, account, account.password)

        answer = await client.get("/api/auth/me", headers=other_account.headers)
        assert answer.status_code == 200

    async def test_a_token_that_outlives_its_account_is_nobody_s(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        await self.delete(client, account, account.password)

        for answer in (
            await client.get("/api/auth/me", headers=account.headers),
            await self.delete(client, account, account.password),
            await client.post(
                f"/api/{account.id}/tasks", json={"title": "x"}, headers=account.headers
            ),
            await client.post(
                f"/api/{account.id}/tags", json={"name": "x"}, headers=account.headers
            ),
        ):
            assert_problem(answer, 401, "urn:todo:account-gone")
        assert (await refresh(client, account.refresh_token)).status_code == 401

    async def test_the_address_is_free_again(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        await self.delete(client, account, account.password)

        assert (await register(client, email=account.email)).status_code == 201
