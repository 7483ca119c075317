from dataclasses import dataclass

from actors import Actor, mailbox
from group import Event, Events, Group, KeyTakenError
from transport import Node


@dataclass(frozen=True)
class NewMessage:
    text: str


class User(Actor):                                   # a pykka.ThreadingActor that can be supervised and watched
    def __init__(self, g: Group, name: str) -> None:
        super().__init__()
        self.g, self.name = g, name

    def on_start(self) -> None:                      # inside an actor, "self()" is the current actor
        self.g.register(f"user/{self.name}", {"name": self.name})   # one owner per key
        self.g.join("chat/room/42", {"role": "member"})             # many members per key

    def shout(self, text: str) -> str:
        return text.upper()

    def on_receive(self, message: object) -> None:
        match message:
            case NewMessage(text):
                print(f"{self.name} hears {text!r}")


def show(events: Events) -> None:
    for event in events:
        match event:
            case Event(type="registered" | "joined", key=key, meta=meta):
                print(f"+ {event.type} {key} {dict(meta)}")
            case Event(type="unregistered" | "left", key=key, reason=reason):
                print(f"- {event.type} {key} because {reason}")


with (Node.start("a") as a, Node.start("b", join=[a.address]) as b,       # two nodes, real sockets
      Group.start("my_app", node=a) as ga, Group.start("my_app", node=b) as gb,
      mailbox() as me):                                                    # lets a plain thread act as an actor
    gb.monitor("user/")                              # "user/" is a prefix, "user/1" one key, group.ALL everything
    alice = User.start(ga, "alice")
    ref, meta = gb.wait_for("user/alice", timeout=5)                       # seen from node b
    print(meta["name"], ref.proxy().shout("hi").get(timeout=5))            # remote proxy call
    show(me.receive(timeout=5))

    try:
        gb.register("user/alice", {"name": "Impostor"})
    except KeyTakenError as error:
        print(error)                                                       # says who holds it

    gb.join("chat/room/42", {"role": "admin"})
    print(len(gb.members("chat/room/42")), len(gb.members("chat/")))
    gb.dispatch("chat/room/42", NewMessage("hello"))                       # to every member, on any node
    print(me.receive(timeout=5))

    with ga.connect("game_1", ttl=30.0) as game, gb.connect("game_1"):
        game.join("room/1", {"map": "dust"}, actor=alice)                  # only nodes in game_1 see this
        gb.wait_for_member("room/1", cluster="game_1", timeout=5)
        print(ga.nodes("game_1"))

    alice.stop()
    show(me.receive(timeout=5))                                            # unregistered, by itself
