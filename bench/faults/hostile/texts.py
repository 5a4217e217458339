"""Hostile texts."""

SQL = (
    "'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "1; DROP TABLE tasks; --",
    "'; DELETE FROM tags; --",
    "'; UPDATE users SET email = 'mine'; --",
    "') UNION SELECT version() --",
    "' AND pg_sleep(30) IS NULL --",
    "$$; TRUNCATE users CASCADE; $$",
    "\\'; COMMIT; --",
    "%' ESCAPE '",
    "$1",
    "%(id)s",
    ":id",
    "/* */ OR TRUE",
    "x'::int",
)
"""Fragments for every way in which a value may be put into a statement."""

UNICODE = (
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\ufeff",
    "\u202e\u2066",
    "\u02bc OR \u02bc1\u02bc=\u02bc1",
    "\uff07; --",
    "e\u0301" * 300,
    "\U0010ffff\ufffe",
    "\r\nSet-Cookie: a=b",
    "\u2028",
    "\u0130\u0131\u017f",
    "\u0662\u0660",
    "👩\u200d👩\u200d👧" * 40,
    "a" * 20_000,
)
"""Texts that are no text, look like another one, change their length, or are long."""

DEEP = b"[" * 50_000
HUGE = b'{"title": "' + b"a" * (1024 * 1024 + 1) + b'"}'
"""More than a body may have."""

BROKEN = (
    b"",
    b"null",
    b"[]",
    b"7",
    b'"',
    b"{",
    b"{}}",
    b'{"title"',
    b'{"title": "\xff\xfe"}',
    b'{"title": "\xc3',
    b'{"title": "\\ud800"}',
    b'{"title": "\\u0000"}',
    b'{"title": NaN}',
    b'{"title": 1e400}',
    b'{"title": {"$ne": null}}',
    b'{"__proto__": {}, "user_id": "x"}',
    '{"title": "x"}'.encode("utf-16"),
    b"\x1f\x8b\x08\x00",
    b"9" * 10_000,
    DEEP,
    b'{"a":' * 20_000,
    HUGE,
)
"""Bodies that are cut off, are nothing of what is expected, or too much of it."""
