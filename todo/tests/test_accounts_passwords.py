"""Passwords: hashed, compared and bounded."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.low_level import hash_secret_raw
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.staging.patience import until
from todo.accounts.passwords import QUEUE_FACTOR, Passwords, Verdict, work
from todo.errors import BusyError


def make_passwords(*, memory_kib: int = 7 * 1024, concurrency: int = 2) -> Passwords:
    return Passwords(time_cost=1, memory_kib=memory_kib, parallelism=1, concurrency=concurrency)


class Gate:
    """Holds every hash back until it is opened, and counts how many run at one time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self._lock = threading.Lock()
        self.running = 0
        self.most = 0
        self.total = 0
        self.arrived = threading.Event()
        original = Argon2Hasher.hash

        def held(hasher: Argon2Hasher, password: str, *, salt: bytes | None = None) -> str:
            with self._lock:
                self.running += 1
                self.total += 1
                self.most = max(self.most, self.running)
            self.arrived.set()
            self._open.wait(30)
            hashed = original(hasher, password, salt=salt)
            with self._lock:
                self.running -= 1
            return hashed

        monkeypatch.setattr(Argon2Hasher, "hash", held)

    def has(self, number: int) -> Callable[[], bool]:
        """Whether so many run."""
        return lambda: self.running == number

    def open(self) -> None:
        self._open.set()


async def test_the_right_password_is_right_and_a_wrong_one_wrong() -> None:
    passwords = make_passwords()
    stored = await passwords.hash("correct horse")

    assert (await passwords.verify("correct horse", stored)).is_right
    assert not (await passwords.verify("correct horsf", stored)).is_right


async def test_the_hash_is_argon2id_with_the_settings() -> None:
    stored = await make_passwords().hash("correct horse")

    assert stored.startswith("$argon2id$v=19$m=7168,t=1,p=1$")


async def test_the_same_password_has_two_hashes() -> None:
    passwords = make_passwords()

    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_a_password_is_the_same_however_it_was_composed() -> None:
    passwords = make_passwords()
    stored = await passwords.hash("caf\u00e9 de flore")

    assert (await passwords.verify("cafe\u0301 de flore", stored)).is_right


async def test_nobody_has_a_password() -> None:
    assert not (await make_passwords().verify("correct horse", None)).is_right


class Work:
    """Adds up the work of every hash that is computed: memory in KiB, times passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        verify, fill = Argon2Hasher.verify, hash_secret_raw

        def verified(hasher: Argon2Hasher, password: str, hash: str) -> bool:  # noqa: A002 - pwdlib's
            self.done += work(extract_parameters(hash))
            return verify(hasher, password, hash)

        def filled(**named: Any) -> bytes:
            self.done += named["time_cost"] * named["memory_cost"]
            return fill(**named)

        monkeypatch.setattr(Argon2Hasher, "verify", verified)
        monkeypatch.setattr("todo.accounts.passwords.hash_secret_raw", filled)

    async def of(self, refused: Awaitable[Verdict]) -> int:
        """What one refusal takes."""
        before = self.done
        assert not (await refused).is_right
        return self.done - before


async def test_a_refusal_takes_the_same_work_with_and_without_an_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = make_passwords()
    stored = await passwords.hash("correct horse")
    work_done = Work(monkeypatch)

    known = await work_done.of(passwords.verify("wrong", stored))
    unknown = await work_done.of(passwords.verify("wrong", None))

    assert known == unknown == 7 * 1024


@pytest.mark.parametrize("memory_kib", [7 * 1024, 8 * 1024, 20 * 1024, 40 * 1024])
async def test_a_refusal_takes_the_same_work_whatever_the_stored_hash_took(
    memory_kib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await make_passwords(memory_kib=memory_kib).hash("correct horse")
    passwords = make_passwords(memory_kib=20 * 1024)
    work_done = Work(monkeypatch)

    known = await work_done.of(passwords.verify("wrong", stored))
    unknown = await work_done.of(passwords.verify("wrong", None))

    assert known == unknown == max(memory_kib, 20 * 1024)


async def test_a_costly_hash_makes_every_later_refusal_as_costly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costly = await make_passwords(memory_kib=40 * 1024).hash("correct horse")
    passwords = make_passwords(memory_kib=7 * 1024)
    cheap = await passwords.hash("correct horse")
    await passwords.verify("correct horse", costly)
    work_done = Work(monkeypatch)

    assert await work_done.of(passwords.verify("wrong", cheap)) == 40 * 1024


async def test_a_hash_that_took_less_work_is_renewed() -> None:
    stored = await make_passwords(memory_kib=7 * 1024).hash("correct horse")
    passwords = make_passwords(memory_kib=8 * 1024)

    verdict = await passwords.verify("correct horse", stored)

    assert verdict.new_hash is not None
    assert "m=8192" in verdict.new_hash
    assert (await passwords.verify("correct horse", verdict.new_hash)).new_hash is None


async def test_a_hash_that_took_more_work_is_kept() -> None:
    stored = await make_passwords(memory_kib=8 * 1024).hash("correct horse")

    verdict = await make_passwords(memory_kib=7 * 1024).verify("correct horse", stored)

    assert verdict == Verdict(is_right=True, new_hash=None)


async def test_a_hash_of_another_variant_is_renewed_however_much_work_it_took() -> None:
    stored = PasswordHasher(1, 8 * 1024, 1, type=Type.I).hash("correct horse")

    verdict = await make_passwords(memory_kib=7 * 1024).verify("correct horse", stored)

    assert verdict.new_hash is not None
    assert verdict.new_hash.startswith("$argon2id$")


async def test_a_hash_of_another_kind_fits_no_password() -> None:
    assert not (await make_passwords().verify("x", "$2b$12$unknown")).is_right


async def test_only_as_many_are_hashed_at_once_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = make_passwords(concurrency=2)
    gate = Gate(monkeypatch)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(passwords.hash(f"password {number}"))
        await asyncio.to_thread(gate.arrived.wait, 30)
        gate.open()

    assert gate.total == 8
    assert gate.most <= 2


async def test_a_storm_is_refused_at_once_and_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = make_passwords(concurrency=1)
    gate = Gate(monkeypatch)

    async with asyncio.TaskGroup() as group:
        for number in range(1 + QUEUE_FACTOR):
            group.create_task(passwords.hash(f"password {number}"))
        await asyncio.to_thread(gate.arrived.wait, 30)
        with pytest.raises(BusyError) as caught:
            await passwords.hash("one too many")
        gate.open()

    assert caught.value.retry_after == 1
    assert gate.total == 1 + QUEUE_FACTOR


async def test_whoever_stops_waiting_makes_no_room_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = make_passwords(concurrency=2)
    gate = Gate(monkeypatch)

    for number in range(4):
        impatient = asyncio.create_task(passwords.hash(f"password {number}"))
        await until(gate.has(min(number + 1, 2)))
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
    last = asyncio.create_task(passwords.hash("the last one"))
    await asyncio.sleep(0)
    gate.open()
    await last

    # Two were cancelled in their turn, and two before it.
    assert (gate.most, gate.total) == (2, 3)


async def test_a_caller_who_stops_waiting_leaves_the_queue_but_keeps_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = make_passwords(concurrency=1)
    gate = Gate(monkeypatch)
    running, *queued = [
        asyncio.create_task(passwords.hash(f"password {number}"))
        for number in range(1 + QUEUE_FACTOR)
    ]
    await until(gate.has(1))

    running.cancel()
    await asyncio.wait([running])
    with pytest.raises(BusyError):
        await passwords.hash("there is no place, as the thread goes on")

    queued[0].cancel()
    await asyncio.wait([queued[0]])
    last = asyncio.create_task(passwords.hash("the place of the one who left"))
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await passwords.hash("one too many")
    gate.open()
    await asyncio.gather(last, *queued[1:])

    assert (gate.most, gate.total) == (1, 1 + QUEUE_FACTOR)


async def test_a_hash_whose_caller_has_left_makes_room_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = make_passwords(concurrency=1)
    gate = Gate(monkeypatch)
    callers = [
        asyncio.create_task(passwords.hash(f"password {number}"))
        for number in range(1 + QUEUE_FACTOR)
    ]
    await until(gate.has(1))
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    gate.open()

    hashes = await asyncio.gather(
        *(passwords.hash(f"later {number}") for number in range(QUEUE_FACTOR))
    )

    assert len(hashes) == QUEUE_FACTOR
