"""The checks that every test gets: each finds what it is for."""

from browser.findings import Findings
from playwright.async_api import Page

MISTAKES = {
    "console.error('a word')": "console: a word",
    "console.warn('a word')": "console: a word",
    "setTimeout(() => { throw new Error('thrown'); })": "script: Error: thrown",
    "Promise.reject(new Error('rejected'))": "script: Error: rejected",
    "fetch('http://127.0.0.1:1/').catch(() => {})": "Content Security Policy",
    "fetch('nothing').catch(() => {})": "status of 404",
    "document.body.append(Object.assign(document.createElement('img'), {src: 'http://o.test/'}))":
        "Content Security Policy",
    "document.body.setAttribute('style', 'color: red')": "Content Security Policy",
    "document.body.innerHTML = '<p>'": "TrustedHTML",
    "setTimeout('1')": "TrustedScript",
    "new Worker('data:text/javascript,')": "TrustedScriptURL",
}  # fmt: skip


async def test_each_mistake_is_found(page: Page, findings: Findings) -> None:
    for mistake, finding in MISTAKES.items():
        before = len(findings.unexpected())
        heard = "pageerror" if finding.startswith("script") else "console"
        async with page.expect_event(heard):
            await page.evaluate(f"() => {{ try {{ {mistake} }} catch {{}} }}")

        assert finding in "\n".join(findings.unexpected()[before:]), mistake
    findings.expect(".")
