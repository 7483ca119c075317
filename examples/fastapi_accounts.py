"""Accounts over HTTP: each is an actor, found by name on whichever node has it.

Needs FastAPI: `pip install 'pykka-group[examples]' uvicorn`. In two terminals:

    GROUP_NODE=a GROUP_LISTEN=127.0.0.1:7946 uvicorn --port 8001 fastapi_accounts:app
    GROUP_NODE=b GROUP_JOIN=127.0.0.1:7946 uvicorn --port 8002 fastapi_accounts:app

and then `curl -X POST '127.0.0.1:8001/accounts/ann?cents=500'`, and the same account by
`curl 127.0.0.1:8002/accounts/ann`. What an account has is in its memory alone: names
find it, and let it be started again elsewhere, but its state is its own affair.

With --smoke both run in this process, without HTTP's sockets. It prints:

    a: POST /accounts/ann?cents=500: 200 {'cents': 500, 'node': 'a'}
    b: GET /accounts/ann: 200 {'cents': 500, 'node': 'a'}
    b: POST /accounts/ann?cents=-600: 409 {'detail': 'ann has only 500'}
    b: ten at once: 500 + 10 * 7 = 570
    b: GET /accounts/bob: 404 {'detail': 'no account bob'}
    b: GET /ready: 200 {'node': 'b', 'peers': ['a']}
    b: GET /accounts/ann when a has gone: 404 {'detail': 'no account ann'}
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from actors import Actor, ActorDeadError, DynamicSupervisor, child
from group import Group
from transport import Node


class Account(Actor):
    """One account. Its messages are handled one at a time, wherever they come from."""

    def __init__(self) -> None:
        super().__init__()
        self.cents = 0

    def move(self, cents: int) -> int | None:
        """Put in or take out; return what is there then, None if it is not enough."""
        if self.cents + cents < 0:
            return None
        self.cents += cents
        return self.cents


def make_app(name: str | None = None, join: tuple[str, ...] = ()) -> FastAPI:
    """Make the application of one node, whose settings may be in GROUP_ variables."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # start() and stop() wait for threads and peers: not on the loop's thread.
        async with AsyncExitStack() as stack:
            node = await asyncio.to_thread(Node.start, name, join=join)
            stack.push_async_callback(asyncio.to_thread, node.stop)
            group = await asyncio.to_thread(Group.start, "bank", node=node)
            await stack.enter_async_context(group)
            accounts = await asyncio.to_thread(DynamicSupervisor.start)
            stack.push_async_callback(asyncio.to_thread, accounts.stop)
            app.state.group, app.state.accounts = group, accounts
            yield

    app = FastAPI(title="Accounts", lifespan=lifespan)

    @app.exception_handler(ActorDeadError)
    async def gone(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"try again: {error}"}, status_code=503)

    @app.post("/accounts/{who}")
    async def move(who: str, cents: int) -> dict[str, object]:
        g: Group = app.state.group
        # On the first use it is started here; later calls find it on any node.
        ref, meta = await g.aio.get_or_start(
            f"account/{who}",
            lambda: app.state.accounts.start_child(child(Account, restart="temporary")),
            meta={"node": g.node.name},
        )
        left = await ref.proxy().move(cents)
        if left is None:
            raise HTTPException(409, f"{who} has only {await ref.proxy().cents}")
        return {"cents": left, "node": meta["node"]}

    @app.get("/accounts/{who}")
    async def read(who: str) -> dict[str, object]:
        g: Group = app.state.group
        # Reads of the registry do not wait: no `aio`, no `await`.
        entry = g.lookup(f"account/{who}")
        if entry is None:
            raise HTTPException(404, f"no account {who}")
        return {"cents": await entry.ref.proxy().cents, "node": entry.meta["node"]}

    @app.get("/ready")
    async def ready() -> dict[str, object]:
        g: Group = app.state.group
        return {"node": g.node.name, "peers": g.nodes()}

    return app


app = make_app()


async def smoke() -> None:
    """Run two nodes in this process, and show what they answer."""
    async with serving("a") as (one, a), serving("b", (a.node.address,)) as (two, b):
        await show("a", one, "POST", "/accounts/ann?cents=500")
        await b.aio.wait_for("account/ann", timeout=5)
        await show("b", two, "GET", "/accounts/ann")
        await show("b", two, "POST", "/accounts/ann?cents=-600")
        calls = [two.post("/accounts/ann?cents=7") for _ in range(10)]
        cents = max(each.json()["cents"] for each in await asyncio.gather(*calls))
        print(f"b: ten at once: 500 + 10 * 7 = {cents}")
        await show("b", two, "GET", "/accounts/bob")
        await show("b", two, "GET", "/ready")
        async with b.events("account/") as events:
            await a.aio.stop()
            await anext(events)
        await show("b", two, "GET", "/accounts/ann", " when a has gone")


@asynccontextmanager
async def serving(
    name: str, join: tuple[str, ...] = ()
) -> AsyncIterator[tuple[httpx.AsyncClient, Group]]:
    """Run one node's application, without a web server."""
    served = make_app(name, join)
    async with (
        served.router.lifespan_context(served),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(served), base_url="http://bank"
        ) as client,
    ):
        yield client, served.state.group


async def show(
    node: str, client: httpx.AsyncClient, method: str, path: str, when: str = ""
) -> None:
    """Send a request, and print the answer."""
    answer = await client.request(method, path)
    print(f"{node}: {method} {path}{when}: {answer.status_code} {answer.json()}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--smoke"]:
        sys.exit(__doc__)
    asyncio.run(smoke())
