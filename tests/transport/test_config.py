import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transport import ConfigError
from transport._config import Config, Options, check
from transport._cookie import differs, find

COOKIE = "x" * 32


Wrong = dict[str, Any]


def checked(wrong: Wrong) -> Config:
    return check(replace(Options(cookie=COOKIE), **wrong), host="host")


BAD: dict[str, tuple[Wrong, str, str]] = {
    "an empty name": ({"name": ""}, "B001", "node name must be 1-255"),
    "a name with NUL": ({"name": "a\0"}, "B001", "printable"),
    "a name of 256 bytes": ({"name": "é" * 128}, "B001", "1-255"),
    "no string as a name": ({"name": 5}, "B001", "got 5 (int); give a str"),
    "an address of the network": (
        {"listen": "10.0.0.5:7400"},
        "B003",
        "refusing to listen on 10.0.0.5 without TLS; set tls=… or "
        "allow_plaintext_network=True",
    ),
    "a wildcard": (
        {"listen": "0.0.0.0:7400", "allow_plaintext_network": True},
        "B004",
        "listening on 0.0.0.0 needs advertise=",
    ),
    "insecure on the network": (
        {"listen": "10.0.0.5:1", "insecure": True, "allow_plaintext_network": True},
        "B003",
        "without a cookie",
    ),
    "a short cookie": (
        {"cookie": "hunter"},
        "B005",
        "cookie must be at least 32 bytes (got 6); create one with",
    ),
    "no text as a cookie": ({"cookie": 5}, "B005", "must be bytes or str"),
    "a short lease": (
        {"lease": 1.0},
        "B009",
        "lease (1.0 s) must be at least 3 \N{MULTIPLICATION SIGN} heartbeat (1.0 s)",
    ),
    "no heartbeat": ({"heartbeat": 0}, "B009", "heartbeat must be a positive"),
    "a lease that is no number": ({"lease": math.nan}, "B009", "lease must be"),
    "a negative grace": ({"grace": -1.0}, "B009", "grace"),
    "an unknown engine": ({"engine": "zenoh"}, "B010", "engine must be 'tcp'"),
    "TLS": ({"tls": object()}, "B011", "tls needs ca, cert and key"),
    "a peer without a port": ({"join": "host"}, "B018", "bad peer address 'host'"),
    "a peer with a word for a port": (
        {"join": "host:abc"},
        "B018",
        "bad peer address 'host:abc'",
    ),
    "a peer with port 0": ({"join": ["host:0"]}, "B018", "port 0"),
    "joining without listening": ({"listen": None, "join": "a:1"}, "B018", "cannot"),
}


@pytest.mark.parametrize(("options", "code", "words"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_named(options: Wrong, code: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(options)

    assert words in str(caught.value)
    assert caught.value.code == code


def test_defaults_are_loopback_and_a_name_of_this_process() -> None:
    config = check(Options(cookie=COOKIE), host="machine")

    assert config.listen == ("127.0.0.1", 0)
    assert config.name == f"machine-{os.getpid()}"


def test_the_environment_speaks_where_the_program_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GROUP_NODE", "env")
    monkeypatch.setenv("GROUP_LISTEN", "127.0.0.1:7")
    monkeypatch.setenv("GROUP_ADVERTISE", "10.0.0.1:7")
    monkeypatch.setenv("GROUP_JOIN", "a:1, dns://b:2")
    monkeypatch.setenv("GROUP_COOKIE", f" {'e' * 40}\n")

    config = check(Options(), host="machine")
    said = check(Options(name="prog", listen="127.0.0.1:8"), host="machine")

    assert config.name == "env"
    assert config.listen == ("127.0.0.1", 7)
    assert config.advertise == "10.0.0.1:7"
    assert config.join == ("a:1", "dns://b:2")
    assert config.cookies == (b"e" * 40,)
    assert (said.name, said.listen) == ("prog", ("127.0.0.1", 8))


def test_the_cookie_is_in_no_repr() -> None:
    config = check(Options(cookie=COOKIE), host="machine")

    assert COOKIE not in repr(config)


def test_a_cookie_file_is_made_private_on_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    first, source = find(None)
    second, _ = find(None)

    path = tmp_path / ".group" / "cookie"
    assert source == str(path)
    assert first == second
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="ascii")
    assert len(text) == 65
    assert text.endswith("\n")
    assert first == (text.strip().encode(),)
    assert list(path.parent.iterdir()) == [path]


def test_a_cookie_file_that_somebody_named_is_never_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "misspelt"
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(path))

    with pytest.raises(ConfigError, match=f"there is no cookie file {path}") as caught:
        find(None)

    assert caught.value.code == "B007"
    assert list(tmp_path.iterdir()) == []


def test_the_advice_for_a_missing_cookie_file_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cookie"
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(path))
    with pytest.raises(ConfigError) as caught:
        find(None)
    command = str(caught.value).partition("create one: ")[2]

    subprocess.run(
        command.replace("python", sys.executable), shell=True, check=True, timeout=30
    )

    assert find(None)[0] == (path.read_bytes().strip(),)


def test_whoever_only_looks_in_makes_no_cookie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(ConfigError, match="no cookie: there is no ") as caught:
        check(Options(hidden=True, join="127.0.0.1:7"), host="machine")

    assert caught.value.code == "B007"
    assert list(tmp_path.iterdir()) == []
    check(Options(hidden=True), host="machine")
    assert (tmp_path / ".group" / "cookie").exists()


def test_a_cookie_file_that_others_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cookie"
    path.write_text("c" * 64, encoding="ascii")
    path.chmod(0o644)
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(path))

    with pytest.raises(ConfigError, match="has mode 0644; run chmod 600") as caught:
        find(None)

    assert caught.value.code == "B006"


def test_a_cookie_file_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where the directory should be: fails for every user.
    (tmp_path / ".group").write_text("", encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(ConfigError, match="cannot create cookie file") as caught:
        find(None)

    assert caught.value.code == "B007"


def test_two_cookies_are_active_while_one_replaces_the_other() -> None:
    assert find(("a" * 32, b"b" * 32)) == ((b"a" * 32, b"b" * 32), "the program")


def test_a_cookie_that_differs_is_told_where_ours_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "named"
    file.write_text("c" * 64, encoding="ascii")
    file.chmod(0o600)

    program = differs(find(COOKIE)[1])
    usual = differs(find(None)[1])
    monkeypatch.setenv("GROUP_COOKIE_FILE", str(file))
    named = differs(find(None)[1])
    monkeypatch.setenv("GROUP_COOKIE", COOKIE)
    variable = differs(find(None)[1])

    start, same = "cookie differs (ours from", "to the same value on both nodes"
    assert program == f"{start} the program). Give both nodes the same cookie="
    assert usual == f"{start} {tmp_path}/.group/cookie). Set GROUP_COOKIE {same}"
    assert named == f"{start} {file}). Give both nodes the same file"
    assert variable == f"{start} GROUP_COOKIE). Set GROUP_COOKIE {same}"


def test_who_has_no_home_is_told_what_to_do_about_another_cookie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)

    assert differs("GROUP_COOKIE").endswith(
        "Set GROUP_COOKIE to the same value on both nodes"
    )
    assert differs("/run/secrets/cookie").endswith("Give both nodes the same file")
