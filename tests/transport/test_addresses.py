import pytest

from transport._core import addresses
from transport._core.identity import NodeId, new_incarnation, valid_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("web-1.example:0", ("web-1.example", 0)),
    ],
)
def test_an_address_is_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert addresses.split(text) == parts
    assert addresses.unite(*parts) == text


@pytest.mark.parametrize(
    "text",
    ["", "host", ":80", "host:", "host:x", "::1:80", "h:65536", "a b:1", "h:1_0"],
)
def test_whatever_else_is_not_an_address(text: str) -> None:
    with pytest.raises(ValueError, match="bad peer address"):
        addresses.split(text)
    assert not addresses.diallable(text)


def test_port_0_cannot_be_dialled() -> None:
    assert not addresses.diallable("host:0")


@pytest.mark.parametrize("name", ["", "a\0", "\ud800", "é" * 128, 5, None, "a\nb"])
def test_an_illegal_name_is_told(name: object) -> None:
    assert not valid_name(name)


def test_lives_begin_with_the_moment_of_their_start() -> None:
    one = new_incarnation(1000, b"0123456789")
    other = new_incarnation(1000, b"9876543210")

    assert len(one) == 16
    assert one[:6] == other[:6] == (1000).to_bytes(6, "big")
    assert NodeId("a", one) != NodeId("a", other)
    assert str(NodeId("a", one)) == "a"
    assert one.hex()[:12] in repr(NodeId("a", one))
