import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.wires import COOKIE, credentials, insecure, node_id
from transport._core.errors import (
    AuthError,
    ProtocolError,
    RejectedError,
    VersionError,
    WireError,
)
from transport._core.handshake import (
    Credentials,
    Handshake,
    farewell,
    greeter,
    looks_like,
)

NEXT = b"n" * 32


def dialler(me: Credentials, nonce: bytes = b"i" * 32) -> Handshake:
    return Handshake(me, nonce, dialler=True)


def answerer(me: Credentials, nonce: bytes = b"r" * 32) -> Handshake:
    return Handshake(me, nonce, dialler=False)


def shake(one: Handshake, other: Handshake) -> tuple[bytes, ...]:
    """Run a handshake to its end; return the four messages."""
    hello1 = one.begin()
    hello2 = other.receive(hello1)
    auth_i = one.receive(hello2)
    auth_r = other.receive(auth_i)
    one.receive(auth_r)
    return hello1, hello2, auth_i, auth_r


def test_both_ends_prove_themselves_and_agree_on_keys() -> None:
    one, other = dialler(credentials("a")), answerer(credentials("b"))

    shake(one, other)

    assert one.proof is not None
    assert other.proof is not None
    assert one.proof.node == node_id("b")
    assert other.proof.node == node_id("a")
    assert one.proof.token == other.proof.token > 0
    assert one.proof.send_key == other.proof.receive_key
    assert one.proof.receive_key == other.proof.send_key
    assert one.proof.send_key != one.proof.receive_key


def test_without_a_cookie_nothing_is_sealed() -> None:
    one, other = dialler(insecure("a")), answerer(insecure("b"))

    shake(one, other)

    assert one.proof is not None
    assert one.proof.send_key is None


def test_an_anonymous_caller_learns_nothing_keyed() -> None:
    hello1 = dialler(credentials("a")).begin()

    here = answerer(credentials("b", b"x" * 32)).receive(hello1)
    there = answerer(credentials("b", b"y" * 32)).receive(hello1)

    assert here == there


def test_a_wrong_cookie_is_found_by_the_answerer_and_told_without_detail() -> None:
    one = dialler(credentials("a", b"x" * 32))
    other = answerer(credentials("b", b"y" * 32))
    auth_i = one.receive(other.receive(one.begin()))

    with pytest.raises(AuthError, match="authentication failed with a") as caught:
        other.receive(auth_i)
    with pytest.raises(RejectedError, match=r"^authentication failed$") as told:
        one.receive(farewell(caught.value))

    assert told.value.reason == "auth"


def test_a_false_answerer_is_found_by_the_dialler() -> None:
    one, other = dialler(credentials("a")), answerer(credentials("b"))
    auth_r = bytearray(other.receive(one.receive(other.receive(one.begin()))))
    auth_r[-1] ^= 1

    with pytest.raises(AuthError, match="authentication failed with b"):
        one.receive(bytes(auth_r))


@pytest.mark.parametrize("proves", [COOKIE, NEXT])
def test_while_a_cookie_is_changed_both_are_accepted(proves: bytes) -> None:
    one = dialler(credentials("a", proves))
    other = answerer(credentials("b", COOKIE, NEXT))

    shake(one, other)

    assert one.proof is not None


def test_a_recorded_proof_is_worth_nothing_to_the_next_nonce() -> None:
    hello1, _, auth_i, _ = shake(dialler(credentials("a")), answerer(credentials("b")))
    victim = answerer(credentials("b"), nonce=b"fresh" + b"r" * 27)
    victim.receive(hello1)

    with pytest.raises(AuthError):
        victim.receive(auth_i)


def test_a_dialler_does_not_take_its_own_words_for_an_answer() -> None:
    one = dialler(credentials("a"))

    with pytest.raises(ProtocolError, match="where 2 was next"):
        one.receive(one.begin())


def test_a_proof_of_one_role_is_none_of_the_other() -> None:
    # A man in the middle dials both nodes and sends each the other's words.
    mitm_to_a = answerer(credentials("a"), nonce=b"1" * 32)
    mitm_to_b = answerer(credentials("b"), nonce=b"2" * 32)
    mitm_to_a.receive(dialler(credentials("b"), nonce=b"2" * 32).begin())
    mitm_to_b.receive(dialler(credentials("a"), nonce=b"1" * 32).begin())
    proof = dialler(credentials("a"), nonce=b"1" * 32)
    proof.begin()
    auth = proof.receive(mitm_to_b_hello(b"2" * 32))

    with pytest.raises(AuthError):
        mitm_to_a.receive(auth)


def mitm_to_b_hello(nonce: bytes) -> bytes:
    return answerer(credentials("b"), nonce).receive(
        dialler(credentials("a"), nonce=b"1" * 32).begin()
    )


def test_our_own_nonce_is_refused() -> None:
    one, other = dialler(credentials("a")), answerer(credentials("b"), nonce=b"i" * 32)

    with pytest.raises(AuthError, match="own nonce"):
        one.receive(other.receive(one.begin()))


def test_our_own_identity_is_refused() -> None:
    with pytest.raises(RejectedError) as caught:
        answerer(credentials("a")).receive(dialler(credentials("a")).begin())

    assert caught.value.reason == "self"


def test_versions_that_do_not_meet_are_named() -> None:
    one = dialler(credentials("a", versions=(3, 3)))

    with pytest.raises(VersionError, match="version: peer 3-3, here 1-2"):
        answerer(credentials("b", versions=(1, 2))).receive(one.begin())


def test_a_changed_version_offer_breaks_the_proof() -> None:
    one = dialler(credentials("a", versions=(1, 2)))
    other = answerer(credentials("b", versions=(1, 2)))
    hello1 = bytearray(one.begin())
    assert hello1[7:9] == b"\x01\x02"
    hello1[8] = 1
    auth_i = one.receive(other.receive(bytes(hello1)))

    with pytest.raises(AuthError):
        other.receive(auth_i)


def test_another_cluster_is_named_to_both() -> None:
    one = dialler(credentials("a", cluster_id="prod"))

    with pytest.raises(RejectedError, match="peer 'prod', here 'test'") as caught:
        answerer(credentials("b", cluster_id="test")).receive(one.begin())
    with pytest.raises(RejectedError) as told:
        one.receive(farewell(caught.value))

    assert told.value.reason == "cluster"
    # The same, as it is seen from there.
    assert str(told.value) == "cluster: peer 'test', here 'prod'"
    assert farewell(told.value) == b""


def test_a_node_without_a_cookie_is_turned_away() -> None:
    one = dialler(insecure("a"))

    with pytest.raises(RejectedError, match="peer insecure, here hmac") as caught:
        answerer(credentials("b")).receive(one.begin())
    with pytest.raises(RejectedError, match="peer hmac, here insecure"):
        one.receive(farewell(caught.value))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "looks like HTTP"),
        (b"\x16\x03\x01\x02\x00", "peer speaks TLS"),
        (b"\x80\x04\x95\x00", "a pickle stream"),
        (b"SSH-2.0-x", "SSH"),
        (b"\x00\x01\x02\x03", r"not an actor-group peer$"),
    ],
)
def test_a_stranger_is_named_by_its_first_bytes(data: bytes, words: str) -> None:
    one, other = answerer(credentials("b")), answerer(credentials("b"))
    for byte in data[:3]:
        other.receive(bytes((byte,)))

    with pytest.raises(ProtocolError, match=words):
        one.receive(data)
    with pytest.raises(ProtocolError, match=words):
        other.receive(data[3:4])


def test_a_long_message_is_refused_by_its_head() -> None:
    with pytest.raises(ProtocolError, match="1025 bytes"):
        answerer(credentials("b")).receive(b"AGRP\x01" + (1025).to_bytes(2, "big"))


def test_the_cookie_is_in_no_repr() -> None:
    me = credentials("a", b"very secret cookie of 32 bytes!!")
    one, other = dialler(me), answerer(credentials("b", *me.cookies))
    shake(one, other)

    assert "secret" not in repr(me)
    assert one.proof is not None
    assert "key" not in repr(one.proof)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400), framed=st.booleans())
def test_rubbish_is_a_wire_error_or_waits_for_more(
    *, data: bytes, framed: bool
) -> None:
    shakes = answerer(credentials("b"))
    stream = b"AGRP\x01" + len(data).to_bytes(2, "big") + data if framed else data
    try:
        shakes.receive(stream)
    except WireError as error:
        farewell(error)
    assert shakes.proof is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2000), st.integers(1, 255))
def test_any_changed_byte_ends_in_no_proof(step: int, at: int, flip: int) -> None:
    one, other = dialler(credentials("a")), answerer(credentials("b"))
    data, ends = one.begin(), (other, one)
    try:
        for turn in range(4):
            if turn == step:
                spoilt = bytearray(data)
                spoilt[at % len(data)] ^= flip
                data = bytes(spoilt)
            data = ends[turn % 2].receive(data)
    except WireError:
        pass
    assert one.proof is None


def test_a_tls_caller_hears_in_which_mode_we_are() -> None:
    assert looks_like(b"\x16\x03\x01") == "peer speaks TLS, this node is in hmac mode"


def test_other_certificates_below_break_the_proof() -> None:
    me, other = credentials("a"), credentials("b")
    one = Handshake(me, b"i" * 32, dialler=True, fingerprints=(b"a", b"b"))
    two = Handshake(other, b"r" * 32, dialler=False, fingerprints=(b"m", b"b"))

    with pytest.raises(AuthError):
        shake(one, two)


def test_the_greeting_says_who_dials() -> None:
    hello = dialler(credentials("a")).begin()

    assert greeter(hello) == greeter(hello + b"more") == node_id("a")
    assert [greeter(hello[:size]) for size in range(len(hello))] == [None] * len(hello)


@pytest.mark.parametrize("stranger", [b"GET / HTTP/1.1", b"\x80" * 8, b"agrp" * 9])
def test_a_strangers_first_bytes_are_no_greeting(stranger: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an actor-group peer"):
        greeter(stranger)


def test_what_a_stranger_says_is_one_printable_line() -> None:
    forged = RejectedError("line1\nnode_up node=a\x1b[2J", reason="e\rvil")
    one = dialler(credentials("a"))
    one.begin()

    with pytest.raises(RejectedError) as caught:
        one.receive(farewell(forged))

    assert str(caught.value) == "line1?node_up node=a?[2J"
    assert caught.value.reason == "e?vil"


def test_long_clusters_are_told_apart_at_both_ends() -> None:
    one = dialler(credentials("a", cluster_id="x" * 200))

    with pytest.raises(RejectedError) as caught:
        answerer(credentials("b", cluster_id="y" * 200)).receive(one.begin())
    with pytest.raises(RejectedError) as told:
        one.receive(farewell(caught.value))

    assert str(told.value) == f"cluster: peer '{'y' * 40}...', here '{'x' * 40}...'"
