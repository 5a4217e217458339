"""Bodies that no client sends by accident: each is refused with 4xx, and none breaks anything.

They go to a real server over plain sockets, since client libraries refuse to send some of them.
"""

import gzip
from collections.abc import Iterable

import pytest
from wire import CHUNKED, FORM, JSON, MULTIPART, Wire, answers_to, assert_refused, statuses_of

from todo.settings import Settings

TASK = b'{"title": "x"}'

LIMIT = 256 * 1024


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"body_limit": LIMIT})


def writing(wire: Wire) -> list[tuple[str, str]]:
    """The operations that read a JSON body."""
    return [
        ("POST", wire.tasks),
        ("PUT", wire.task),
        ("PATCH", wire.task),
        ("PATCH", f"{wire.task}/complete"),
        ("PATCH", f"{wire.task}/position"),
        ("POST", f"{wire.tasks}/bulk"),
        ("POST", f"/api/{wire.account.id}/import"),
        ("POST", wire.tags),
        ("PATCH", wire.tag),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/refresh"),
        ("POST", "/api/auth/change-password"),
        ("POST", "/api/auth/delete-account"),
        ("PATCH", "/api/auth/me"),
        ("POST", "/api/auth/tokens"),
        ("POST", "/api/auth/forgot-password"),
        ("POST", "/api/auth/reset-password"),
    ]


def bodies(wire: Wire, contents: Iterable[bytes]) -> dict[str, bytes]:
    """Each of the contents as the body of each operation that reads one."""
    return {
        f"{method} {path} {content[:60]!r}": wire.request(method, path, JSON, body=content)
        for content in contents
        for method, path in writing(wire)
    }


async def test_a_body_that_is_no_json_object_is_refused_by_every_operation(wire: Wire) -> None:
    contents = [
        b'{"title": "\xff"}',
        b'{"title": "\xe2\x82"}',
        b'{"title": "\xed\xa0\x80"}',
        '{"title": "x"}'.encode("utf-16")[:-1],
        b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title": ' * 20_000 + b"1" + b"}" * 20_000,
        b'{"title": ' + b"9" * 10_000 + b"}",
        b'{"title": -' + b"9" * 10_000 + b"e9}",
        b"[" * 100_000,
        b"[{}]",
        b"17",
        b"true",
        b'"{}"',
        b'{"title": "x"} trailing',
        b'{"title": "x"}{"title": "y"}',
        b'{"title": "x" /* comment */}',
        b"{'title': 'x'}",
        b'{"title": "line\nbreak"}',
        b'{"title": "\\x00"}',
        b'{"title": "\\ud80"}',
        b"\x00",
        b"title=x",
        b"<title>x</title>",
        gzip.compress(TASK),
    ]

    assert_refused(await answers_to(wire, bodies(wire, contents)), 400, 422)


async def test_a_member_that_json_allows_and_we_do_not_is_refused_by_every_operation(
    wire: Wire,
) -> None:
    contents = [
        b'{"\\ud800": 1}',
        b'{"\\u0000": 1}',
        b'{"": 1}',
        b'{"__proto__": {"x": 1}}',
        b"{%s}" % b", ".join(b'"k%d": %d' % (number, number) for number in range(10_000)),
        b'{"k": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"k": NaN}',
        b'{"k": [Infinity, -Infinity]}',
        b'{"k": 1e999}',
    ]

    assert_refused(await answers_to(wire, bodies(wire, contents)), 422)


async def test_a_value_of_another_kind_is_not_guessed_at(wire: Wire) -> None:
    times = [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "10000-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
        "-2030-01-01T00:00:00Z",
        "+2030-01-01T00:00:00Z",
        "2030-02-30T00:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:00:00+24:00",
        "2030-01-01T00:00:00+99:99",
        "\u0662\u0660\u0663\u0660-01-01T00:00:00Z",
        "infinity",
        "now",
        "1893456000",
        "",
    ]
    members = {
        "due_date": [
            *(b'"%s"' % time.encode() for time in times),
            b"1893456000",
            b"1e300",
            b"true",
        ],
        "position": [b'"5"', b"5", b"null"],
        "completed": [b'"true"', b"1", b"1.0", b"[]", b"9" * 4000],
        "title": [b"true", b"1", b"1.5", b"9" * 4000, b'"\\ud800"', b'"\\udfff\\ud800"'],
        "priority": [b"2", b"2.0", b"true", b'"\\ud800"', b'"LOW"', b"null"],
        "description": [b"1", b"false", b'"\\ud800"', b'"\\u0000"'],
        "tags": [b'"work"', b"{}", b"[1]", b"[true]", b"[[]]", b'["\\ud800"]', b"9" * 4000],
    }
    requests = {
        f"{member}: {value[:40]!r}": wire.request(
            "PATCH", wire.task, JSON, body=b'{"%s": %s}' % (member.encode(), value)
        )
        for member, values in members.items()
        for value in values
    }

    answers = await answers_to(wire, requests)

    assert_refused(answers, 422)
    unnamed = [
        name
        for name, answer in answers.items()
        if b'"field":"body.%s' % name.partition(":")[0].encode() not in answer.body
    ]
    assert unnamed == []


async def test_an_id_that_is_none_is_refused(wire: Wire) -> None:
    ids = [
        b'""',
        b'"00000000-0000-0000-0000-000000000000"',
        b'"ffffffff-ffff-ffff-ffff-ffffffffffff"',
        b'"01900000-0000-1000-8000-000000000000"',
        b'"01900000-0000-7000-c000-000000000000"',
        b'"01900000000070008000000000000000"',
        b'"{01900000-0000-7000-8000-000000000000}"',
        b'"urn:uuid:01900000-0000-7000-8000-000000000000"',
        b'" 01900000-0000-7000-8000-000000000000"',
        b'"01900000-0000-7000-8000-000000000000\\n"',
        b'"01900000-0000-7000-8000-00000000000\\u0000"',
        '"\u0660190000-0000-7000-8000-000000000000"'.encode(),
        b'"' + b"0" * 10_000 + b'"',
        b"7",
        b"true",
        b"[]",
        b"{}",
    ]
    members = {wire.tasks: b'"title": "x"', wire.tags: b'"name": "x"'}
    requests = {
        f"{path}: {value[:60]!r}": wire.request(
            "POST", path, JSON, body=b'{%s, "id": %s}' % (member, value)
        )
        for path, member in members.items()
        for value in ids
    }

    answers = await answers_to(wire, requests)

    assert_refused(answers, 422)
    assert [name for name, answer in answers.items() if b"body.id" not in answer.body] == []


async def test_what_json_leaves_open_is_taken_or_refused(wire: Wire) -> None:
    contents = [
        b'{"title": "a", "title": "b"}',
        b'{"title": "x", "due_date": "2030-01-01T00:00:00.%sZ"}' % (b"9" * 10_000),
        b'\xef\xbb\xbf{"title": "x"}',
        '{"title": "x"}'.encode("utf-16"),
        '{"title": "x"}'.encode("utf-32"),
        '{"title": "\uffff\U0010ffff\u202e\u200d"}'.encode(),
        '{"title": "x", "tags": ["\ufb01", "fi", "\u0130", "i\u0307", "\u00df", "SS"]}'.encode(),
    ]
    requests = {
        repr(content[:90]): wire.request("POST", wire.tasks, JSON, body=content)
        for content in contents
    }

    statuses = await statuses_of(wire, requests)

    assert set(statuses.values()) <= {201, 400, 422}, statuses


async def test_a_body_of_another_media_type_is_no_json(wire: Wire) -> None:
    kinds = [
        b"",
        b";",
        b"/",
        b"text/json",
        b"application/json, text/html",
        b"application/\xe9",
        b"\xff\xfe",
        b'"' * 5000,
        b"multipart/form-data",
        b"multipart/form-data; boundary=x",
    ]
    requests = {
        repr(kind[:40]): wire.request("POST", wire.tasks, b"Content-Type: " + kind, body=TASK)
        for kind in kinds
    }
    requests["gzip"] = wire.request(
        "POST", wire.tasks, JSON, b"Content-Encoding: gzip", body=gzip.compress(TASK)
    )

    assert_refused(await answers_to(wire, requests), 400, 422)


async def test_a_broken_form_is_refused(wire: Wire) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\na\r\n'
    uploaded = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\na\r\n'
    forms = [
        b"",
        b"%",
        b"&&&===",
        b"username=%00&password=x",
        b"username=a;password=b",
        b"a" * 100_000,
        b"&" * 100_000,
        b"&".join(b"k%d=1" % number for number in range(20_000)),
        b"username=a&password=b&grant_type=\xff",
    ]
    multiparts = [
        b"",
        b"--x",
        b"--y\r\n",
        b"--x\r\n\r\n--x--",
        b"--x\r\n" * 1000,
        b"--x\r\nContent-Disposition: \xff\r\n\r\n--x--",
        b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
        part % b"username" + b"--x--\r\n",
        uploaded % b"username" + uploaded % b"password" + b"--x--\r\n",
        b"".join(part % (b"k%d" % number) for number in range(2000)) + b"--x--\r\n",
        b"".join(uploaded % (b"k%d" % number) for number in range(2000)) + b"--x--\r\n",
    ]
    requests = {
        f"{kind!r} {body[:60]!r}": wire.request("POST", "/api/auth/login", kind, body=body)
        for kind, contents in ((FORM, forms), (MULTIPART, multiparts))
        for body in contents
    }

    assert_refused(await answers_to(wire, requests), 400, 422)


async def test_bytes_that_are_no_text_prove_no_password(wire: Wire) -> None:
    bodies = [
        b"username=\xff&password=\xfe",
        b"username=%ff&password=%ed%a0%80",
        b"username=%&password=%zz",
        b"username=%f0%9f%98%80@example.com&password=%f0%9f%98%80",
    ]
    requests = {
        repr(body): wire.request("POST", "/api/auth/login", FORM, body=body) for body in bodies
    }

    assert_refused(await answers_to(wire, requests), 401)


async def test_a_body_that_is_too_large_is_refused_however_it_comes(wire: Wire) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    requests = {
        "announced": wire.request("POST", wire.tasks, JSON, body=b" " * (LIMIT + 1)),
        "announced only": wire.request(
            "POST", wire.tasks, JSON, b"Content-Length: %d" % (LIMIT + 1), body=b"{"
        ),
        "in chunks": wire.request(
            "POST", wire.tasks, JSON, CHUNKED, body=chunk * 10 + b"0\r\n\r\n"
        ),
        "in chunks without end": wire.request(
            "POST", wire.tasks, JSON, CHUNKED, body=chunk * (LIMIT // 0x10000 + 1)
        ),
        "as a form in chunks": wire.request(
            "POST", "/api/auth/login", FORM, CHUNKED, body=chunk * 10 + b"0\r\n\r\n"
        ),
    }

    assert_refused(await answers_to(wire, requests), 413)


async def test_a_client_that_hangs_up_before_its_body_is_whole_changes_nothing(wire: Wire) -> None:
    cut_off = [
        wire.request("PUT", wire.task, JSON, b"Content-Length: 50", body=TASK),
        wire.request("PUT", wire.task, JSON, CHUNKED, body=b"e\r\n" + TASK),
        wire.request("PUT", wire.task, JSON, CHUNKED, body=b"ff\r\n" + TASK),
    ]

    answers = [await wire.send(request, hang_up=True) for request in cut_off]

    assert all(answer.status in {0, 400} for answer in answers), answers
    assert b'"title":"Buy milk"' in (await wire.send(wire.request("GET", wire.task))).body
