"""Headers, paths, queries and framing that no client sends by accident: all get 4xx.

They go to a real server over plain sockets, since client libraries refuse to send them. What is
no HTTP never reaches the application: there the server's own 400 is enough.
"""

from urllib.parse import quote

from wire import CHUNKED, JSON, Wire, answers_to, assert_refused, statuses_of

TASK = b'{"title": "x"}'


async def test_a_token_that_is_none_opens_nothing(wire: Wire) -> None:
    tokens = [
        b"Bearer",
        b"Bearer ",
        b"Bearer \xff\xfe",
        b"\xff",
        b"Basic !!!",
        b"Bearer " + b"." * 10_000,
        b"Bearer " + b"a" * 60_000,
        b"Bearer bnVsbA.bnVsbA.bnVsbA",
        b"Bearer W10.W10.W10",
        b"Bearer eyJhbGciOjF9.e30.x",
        b"Bearer eyJhbGciOiJub25lIn0.e30.",
        b"Bearer " + b"W1td" * 10_000 + b".e30.x",
    ]
    requests = {
        repr(token[:40]): wire.request("GET", wire.tasks, b"Authorization: " + token)
        for token in tokens
    }

    assert_refused(await answers_to(wire, requests), 401)


async def test_a_condition_that_is_none_is_refused(wire: Wire) -> None:
    conditions = [
        b"\xff",
        b'"',
        b"W/",
        b'w/"a"',
        b"0",
        b'"a" "b"',
        b"*, *",
        b'*\r\nIf-Match: "a"',
        b", " * 10_000,
        b'"a",' * 10_000 + b"b",
    ]
    requests = {
        repr(condition[:40]): wire.request(
            "PATCH", wire.task, JSON, b"If-Match: " + condition, body=b"{}"
        )
        for condition in conditions
    }

    assert_refused(await answers_to(wire, requests), 400)


async def test_headers_that_nobody_reads_disturb_nobody(wire: Wire) -> None:
    headers = [
        b"X-Request-ID: \xff",
        b"Accept: \xff",
        b"Origin: \xff",
        b"Origin: null",
        b"Cookie: \xff=;;=",
        b"Range: bytes=0-",
        b"Host: \xff",
        b"Host: not a host",
        b"Host: [::1",
        b"X-Forwarded-For: \xff",
        b"Forwarded: \xff",
        b"Expect: 100-continue",
        b"Expect: nonsense",
        b"Upgrade: h2c",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"\r\n".join(b"X-%d: y" % number for number in range(2000)),
    ]
    requests = {repr(header[:40]): wire.request("GET", wire.task, header) for header in headers}

    statuses = await statuses_of(wire, requests)

    assert set(statuses.values()) == {200}, statuses


async def test_a_path_that_leads_nowhere_is_refused(wire: Wire) -> None:
    targets = [
        b"/%",
        b"/%ff",
        b"/%00",
        b"/%c0%af",
        b"//",
        b"/..",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/docs-assets/%00",
        b"/docs-assets/%ff",
        b"/docs-assets/..%2f..%2f..%2fetc%2fpasswd",
        b"/docs-assets/" + b"a" * 5000,
        b"/api/%ff/tasks",
        wire.tasks.encode() + b"/%ff",
        wire.tasks.encode() + b"/%00",
        wire.tasks.encode() + b"/%ed%a0%80",
        wire.tasks.encode() + b"/" + b"a" * 50_000,
        wire.task.encode() + b"%00",
        b"/" + b"a" * 60_000,
    ]
    requests = {
        f"{method} {target[:60]!r}": wire.request(method, target)
        for target in targets
        for method in ("GET", "DELETE", "QUERY")
    }

    assert_refused(await answers_to(wire, requests), 404, 405, 422)


async def test_a_query_that_says_nothing_is_refused(wire: Wire) -> None:
    queries = [
        "%ff=1",
        "%00=1",
        "%ed%a0%80=1",
        "%s=1" % ("a" * 60_000),
        "=" * 50_000,
        "limit",
        "limit=1e1",
        "limit=%C2%B2",
        "limit=%D9%A1",
        "limit=true",
        "limit=-1",
        "limit=" + "9" * 10_000,
        "cursor=%ff",
        "cursor=%00",
        "cursor=%ed%a0%80",
        "cursor=" + "A" * 4096,
        "cursor=" + "A" * 4097,
        "cursor=====",
        "cursor=-_-_",
        "__proto__=1",
        ";limit=1",
        "limit[]=1",
        "&".join(f"k{number}=1" for number in range(5000)),
    ]
    of_tasks = [
        "completed=2",
        "completed=%00",
        "priority=%ff",
        "&".join(["priority=low"] * 200),
        "tag=%00",
        "tag=" + "a" * 60_000,
        "q=%00",
        "q=" + "a" * 60_000,
        "sort=%ff",
        "sort=title%00",
        "due_from=%ff",
        "due_from=infinity",
        "due_from=" + "9" * 10_000,
        "due_from=0000-01-01T00:00:00Z",
        "due_from=99999-01-01T00:00:00Z",
        "due_from=2030-01-01T00:00:00%2B24:00",
    ]
    requests = {
        f"{path} {query[:60]}": wire.request("GET", f"{path}?{query}")
        for path, given in ((wire.tasks, [*queries, *of_tasks]), (wire.tags, queries))
        for query in given
    }

    assert_refused(await answers_to(wire, requests), 422)


async def test_no_text_breaks_the_search(wire: Wire) -> None:
    texts = [
        "-" * 200,
        "- " * 100,
        "-(" * 100,
        '"' * 200,
        '-"' * 100,
        "a or " * 40,
        "(" * 200,
        "!&|:*<->",
        "\\'\\",
        "%_%",
        "\ufffe\ud7ff\U0010ffff",
        "a-" * 100,
        "1e400 -1e400",
    ]
    requests = {text[:40]: wire.request("GET", f"{wire.tasks}?q={quote(text)}") for text in texts}
    requests["no text"] = wire.request("GET", f"{wire.tasks}?q=%ff%ed%a0%80")

    statuses = await statuses_of(wire, requests)

    assert set(statuses.values()) == {200}, statuses


async def test_what_is_no_http_is_refused_by_the_server(wire: Wire) -> None:
    requests = {
        "two lengths": wire.request(
            "POST", wire.tasks, JSON, b"Content-Length: 14\r\nContent-Length: 5", body=TASK
        ),
        "negative length": wire.request("POST", wire.tasks, JSON, b"Content-Length: -1", body=TASK),
        "length of 5000 digits": wire.request(
            "POST", wire.tasks, JSON, b"Content-Length: " + b"9" * 5000, body=TASK
        ),
        "length in superscript": wire.request(
            "POST", wire.tasks, JSON, b"Content-Length: \xb2", body=TASK
        ),
        "length and chunks": wire.request(
            "POST",
            wire.tasks,
            JSON,
            CHUNKED,
            b"Content-Length: 14",
            body=b"e\r\n" + TASK + b"\r\n0\r\n\r\n",
        ),
        "chunk of no size": wire.request("POST", wire.tasks, JSON, CHUNKED, body=b"zz\r\n" + TASK),
        "chunk of endless size": wire.request(
            "POST", wire.tasks, JSON, CHUNKED, body=b"f" * 20 + b"\r\n" + TASK
        ),
        "header without a colon": wire.request("GET", "/health", b"nonsense"),
        "header with NUL": wire.request("GET", "/health", b"X: \x00"),
        "method with NUL": wire.request("G\x00T", "/health"),
        "target that is not ASCII": wire.request("GET", b"/\xff"),
        "target with NUL": wire.request("GET", b"/health\x00"),
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        "every byte": bytes(range(256)) * 10,
    }

    statuses = await statuses_of(wire, requests)

    assert set(statuses.values()) == {400}, statuses


async def test_a_header_of_ten_megabytes_is_answered(wire: Wire) -> None:
    answer = await wire.send(wire.request("GET", "/health", b"X: " + b"a" * 10_000_000))

    # How large a header may be is the server's choice; uvicorn with httptools sets no limit.
    assert answer.status in {200, 400, 431}
