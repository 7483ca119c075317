"""Who may ask what, rule by rule, without a socket."""

import pytest

from transport._http.rules import Allowed, Asked, Refused, Rules, Verdict, Welcome

TOKEN = "a-token-of-some-length"
HEADERS = {"host": ["127.0.0.1:8080"]}


def rules(*hosts: str, token: str | None = None, salt: bytes = b"salt") -> Rules:
    return Rules(hosts, token, salt, 8080)


def judge(
    judged_by: Rules, target: str = "/api/status", method: str = "GET", **headers: str
) -> Verdict:
    given = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return judged_by.judge(Asked(method, target, HEADERS | given))


def refusal(verdict: Verdict) -> int:
    assert isinstance(verdict, Refused)
    return verdict.status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_allowed(method: str) -> None:
    assert judge(rules(), method=method) == Allowed("/api/status", {})


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"]
)
def test_every_other_method_is_refused(method: str) -> None:
    assert refusal(judge(rules(), method=method)) == 405
    assert refusal(judge(rules(), "/alive", method=method)) == 405


def test_parameters_are_read_and_the_last_one_counts() -> None:
    assert judge(rules(), "/api/keys?start=a%2Fb&limit=3&limit=4") == Allowed(
        "/api/keys", {"start": "a/b", "limit": "4"}
    )


def test_a_flood_of_parameters_is_refused() -> None:
    flood = "&".join(f"a{n}=1" for n in range(21))

    assert refusal(judge(rules(), f"/?{flood}")) == 400


@pytest.mark.parametrize(
    "headers",
    [{"content_length": "5"}, {"transfer_encoding": "chunked"}],
)
def test_a_body_is_refused(headers: dict[str, str]) -> None:
    assert refusal(judge(rules(), **headers)) == 400
    assert isinstance(judge(rules(), content_length="0"), Allowed)


@pytest.mark.parametrize("target", ["http://evil.test/", "//evil.test/", "*", ""])
def test_a_target_is_a_path(target: str) -> None:
    assert refusal(judge(rules(), target)) == 400


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:9999",
        "localhost:8080",
        "LOCALHOST",
        "[::1]:8080",
        "10.0.0.4:8080",
        "ops.example.org",
        "OPS.example.org:80",
    ],
)
def test_addresses_and_names_of_ours_are_answered(host: str) -> None:
    assert isinstance(judge(rules("ops.example.org"), host=host), Allowed)


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8080",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "ops.example.org.evil.test",
        "[evil]",
        "",
    ],
)
def test_a_name_of_somebody_else_is_refused(host: str) -> None:
    assert refusal(judge(rules("ops.example.org"), host=host)) == 403


def test_two_hosts_are_one_too_many() -> None:
    asked = Asked("GET", "/", {"host": ["localhost", "localhost"]})

    assert refusal(rules().judge(asked)) == 400


def test_a_program_may_leave_out_the_host() -> None:
    assert isinstance(rules().judge(Asked("GET", "/", {})), Allowed)


@pytest.mark.parametrize("path", ["/alive", "/ready"])
def test_probes_need_neither_name_nor_token(path: str) -> None:
    assert isinstance(judge(rules(token=TOKEN), path, host="any.test"), Allowed)


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/status", "/alive/", "/Alive"])
def test_everything_else_wants_the_token(path: str) -> None:
    assert refusal(judge(rules(token=TOKEN), path)) == 401


def test_a_page_of_another_site_is_not_served_through_the_browser() -> None:
    assert refusal(judge(rules(), sec_fetch_site="cross-site")) == 403
    assert isinstance(judge(rules(), sec_fetch_site="same-origin"), Allowed)
    # A link on another site may lead to the page itself.
    assert isinstance(judge(rules(), "/", sec_fetch_site="cross-site"), Allowed)


def test_the_token_may_be_in_a_header() -> None:
    asked = rules(token=TOKEN)

    assert isinstance(judge(asked, authorization=f"Bearer {TOKEN}"), Allowed)
    assert isinstance(judge(asked, authorization=f"bearer  {TOKEN} "), Allowed)
    assert refusal(judge(asked, authorization=f"Bearer {TOKEN}x")) == 401
    assert refusal(judge(asked, authorization=f"Basic {TOKEN}")) == 401
    assert refusal(judge(asked, authorization="Bearer ")) == 401
    assert refusal(judge(asked, authorization="Bearer \udcff")) == 401


def test_the_token_in_the_address_is_changed_for_a_cookie() -> None:
    asked = rules(token=TOKEN)

    welcome = judge(asked, f"/?token={TOKEN}&node=b")

    assert isinstance(welcome, Welcome)
    assert welcome.location == "/?node=b"
    assert TOKEN not in welcome.cookie
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in welcome.cookie
    cookie = welcome.cookie.partition(";")[0]
    assert isinstance(judge(asked, cookie=f"other=1; {cookie}"), Allowed)
    assert refusal(judge(asked, cookie=f"{cookie}x")) == 401
    # That of another server, or of another life of this one.
    assert refusal(judge(rules(token=TOKEN, salt=b"new"), cookie=cookie)) == 401


def test_a_wrong_token_in_the_address_is_refused() -> None:
    asked = rules(token=TOKEN)

    assert refusal(judge(asked, "/?token=wrong")) == 401
    assert refusal(judge(asked, "/?token=")) == 401


def test_a_welcome_never_leads_away_from_here() -> None:
    for path in ("/%2Fevil.test", "/%5Cevil.test", "/%0d%0aSet-Cookie:x"):
        welcome = judge(rules(token=TOKEN), f"{path}?token={TOKEN}")
        assert isinstance(welcome, Welcome)
        assert not welcome.location.startswith(("//", "/\\"))
        assert "\n" not in welcome.location


def test_a_cookie_that_is_none_is_no_error() -> None:
    assert refusal(judge(rules(token=TOKEN), cookie="=;;,\x00=")) == 401


@pytest.mark.parametrize("before", ["a b", "a/b=1", 'j={"a": 1}', "=;;", "a=\xe9"])
def test_odd_cookies_of_other_servers_do_not_hide_ours(before: str) -> None:
    asked = rules(token=TOKEN)
    welcome = judge(asked, f"/?token={TOKEN}")
    assert isinstance(welcome, Welcome)
    cookie = welcome.cookie.partition(";")[0]

    assert isinstance(judge(asked, cookie=f"{before}; {cookie}"), Allowed)
    assert isinstance(judge(asked, cookie=f"{cookie};{before}"), Allowed)
    assert refusal(judge(asked, cookie=f"x{cookie}")) == 401
