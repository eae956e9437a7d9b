"""The page is one file, and its policy says so."""

import re

from ai_stack.status_page.page import read_page


def test_the_page_loads_nothing_from_elsewhere() -> None:
    text, _ = read_page()
    assert re.findall(r"(?:src|href)=\"(?!data:,)[^\"]*\"", text) == []
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_policy_allows_this_script_and_nothing_inline_beside_it() -> None:
    text, headers = read_page()
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2
    assert not re.search(r"\son\w+=|style=", text)


def test_what_services_say_is_never_read_as_html() -> None:
    text, _ = read_page()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
