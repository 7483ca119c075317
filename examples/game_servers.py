"""Matches in subclusters: only the servers that play one know of it, and leases end.

    python examples/game_servers.py

Each match is a subcluster of its own. A server joins it with `ttl=`: the lease lasts
as long as the server has players there, and up to one `ttl` longer. Rows of a match
go to no other server.

It prints:
    match 7 is on the servers a, b
    a sees 3 players in match 7, c sees 0; the lobby has 1 match for all
    ann and bob leave; a has no player in match 7 any more
    a has left match 7; it is on the servers b
    cid leaves; b is the last one out
    nobody is in match 7, and the lobby has 0 matches
"""

import time
from collections.abc import Callable

from actors import Actor, ActorRef
from group import Group
from transport import Node

TTL = 0.5  # Minutes, in a real game.
MATCH = "match/7"


class Player(Actor):
    """Plays, and leaves when it is stopped."""


def until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline, "it comes true within 20 s"
        time.sleep(0.01)


def enter(server: Group, name: str) -> ActorRef[Player]:
    """Let a player into the match, on this server."""
    player: ActorRef[Player] = Player.start()
    match = server.connect(MATCH, ttl=TTL)
    match.join("players", {"name": name}, actor=player)
    return player


def play(a: Group, b: Group, c: Group) -> None:
    # What all are to know is in the default cluster: that there is a match.
    host = Player.start()
    b.register(f"lobby/{MATCH}", {"map": "dust"}, actor=host)
    ann, bob = enter(a, "ann"), enter(a, "bob")
    cid = enter(b, "cid")
    for g in (a, b):
        g.wait_for_member("players", count=3, cluster=MATCH, timeout=10)
    c.wait_for(f"lobby/{MATCH}", timeout=10)
    print("match 7 is on the servers", ", ".join(b.nodes(MATCH)))
    seen = [g.member_count("players", cluster=MATCH) for g in (a, c)]
    lobby = len(c.keys("lobby/"))
    print(
        f"a sees {seen[0]} players in match 7, c sees {seen[1]}; "
        f"the lobby has {lobby} match for all"
    )
    assert (seen, lobby) == ([3, 0], 1)

    for player in (ann, bob):
        player.stop()
    print("ann and bob leave; a has no player in match 7 any more")
    # Nobody tells a to leave: its lease is over.
    until(lambda: not a.connected(MATCH))
    until(lambda: b.nodes(MATCH) == ["b"])
    print("a has left match 7; it is on the servers", ", ".join(b.nodes(MATCH)))
    assert b.member_count("players", cluster=MATCH) == 1

    cid.stop()
    host.stop()
    print("cid leaves; b is the last one out")
    until(lambda: not b.connected(MATCH) and not c.keys("lobby/"))
    print(f"nobody is in match 7, and the lobby has {len(c.keys('lobby/'))} matches")


def main() -> None:
    with (
        Node.start("a") as one,
        Node.start("b", join=one.address) as two,
        Node.start("c", join=one.address) as three,
        Group.start("games", node=one) as a,
        Group.start("games", node=two) as b,
        Group.start("games", node=three) as c,
    ):
        until(lambda: all(len(g.nodes()) == 2 for g in (a, b, c)))
        play(a, b, c)


if __name__ == "__main__":
    main()
