"""Whether a thousand followers are too many.

So many clients, in a process of their own, follow `GET /events` on one API process while as many tasks run, from
accepted to completed. Each client
checks that it is told of every transition, once and in order. Beside that: what the followers add to the process's
memory, and what posting a task costs meanwhile, against posting on the same service without followers.

    python tests/benchmarks/bench_followers.py [followers] [tasks]
"""

import asyncio
import multiprocessing
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict, whole
from tests.support.processes import Service, running_service, until

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
MEMORY_LIMIT_MIB = 300
LATENCY_LIMIT = 2.0
PACE_SECONDS = 0.02


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("a process without memory")


class Listener(asyncio.Protocol):
    """One client: it keeps no event, only how many there were and whether any was out of its order."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0
        self.in_order = True
        self.begun = asyncio.get_running_loop().create_future()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"GET /events HTTP/1.1\r\nHost: bench\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            assert data.startswith(b"HTTP/1.1 200"), data
            self.begun.set_result(None)
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        for found in _ID.finditer(lines):
            number = int(found[1])
            self.in_order = self.in_order and number > self.last
            self.last = number
            self.count += 1


async def listen(port: int, followers: int, pipe: Connection) -> None:
    """Follow until the parent names the last id that there is; tell it how many events came too few or too late."""
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(followers):
        _, listener = await loop.create_connection(Listener, "127.0.0.1", port)
        await listener.begun
        listeners.append(listener)
    pipe.send("connected")
    last, wanted = await loop.run_in_executor(None, pipe.recv)
    for _ in range(600):
        if all(each.last >= last for each in listeners):
            break
        await asyncio.sleep(0.1)
    pipe.send(sum(abs(wanted - each.count) + (not each.in_order) for each in listeners))


def listen_aside(port: int, followers: int, pipe: Connection) -> None:
    os.nice(19)  # the clients of a service sit on other machines
    asyncio.run(listen(port, followers, pipe))


async def post(client: httpx.AsyncClient, number: int) -> float:
    start = time.perf_counter()
    answer = await client.post("/api/tts", json={"text": f"Task number {number} of many."})
    answer.raise_for_status()
    return (time.perf_counter() - start) * 1000


async def measure(service: Service, followers: int, tasks: int) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=120) as client:
        for number in range(20):
            await post(client, number)
        await finished(client)
        alone = await run(client, tasks)
        before = resident_mib(service.api.pid)
        begun_after = await last_transition(client)
        ours, theirs = multiprocessing.Pipe()
        clients = multiprocessing.Process(target=listen_aside, args=(service.port, followers, theirs), daemon=True)
        clients.start()
        assert await asyncio.to_thread(ours.recv) == "connected"
        at_rest = resident_mib(service.api.pid)
        followed = await run(client, tasks)
        last = await last_transition(client)
        ours.send((last, last - begun_after))
        missed = await asyncio.to_thread(ours.recv)
        after = resident_mib(service.api.pid)
    clients.join()
    print_table(
        ("posting", "p50 ms", "p95 ms", "ratio p50", f"at most {LATENCY_LIMIT:g} x"),
        [
            ("nobody follows", f"{statistics.median(alone):.1f}", f"{quantile(alone, 0.95):.1f}", "1.00", ""),
            (
                f"{whole(followers)} follow",
                f"{statistics.median(followed):.1f}",
                f"{quantile(followed, 0.95):.1f}",
                f"{statistics.median(followed) / statistics.median(alone):.2f}",
                verdict(met=statistics.median(followed) <= LATENCY_LIMIT * statistics.median(alone)),
            ),
        ],
    )
    print_table(
        ("events to hand out", "missed or out of order", "met"),
        [(whole((last - begun_after) * followers), whole(missed), verdict(met=not missed))],
    )
    print_table(
        ("memory of the API, MiB", "before", "all connected", "at the end", "more", f"below {MEMORY_LIMIT_MIB}"),
        [
            (
                "resident",
                whole(before),
                whole(at_rest),
                whole(after),
                whole(after - before),
                verdict(met=after - before < MEMORY_LIMIT_MIB),
            )
        ],
    )


async def run(client: httpx.AsyncClient, tasks: int) -> list[float]:
    """Post so many tasks, one after the other, and wait until all are done; the milliseconds of each post."""
    figures = []
    for number in range(tasks):
        figures.append(await post(client, number))
        await asyncio.sleep(PACE_SECONDS)
    await finished(client)
    return figures


async def finished(client: httpx.AsyncClient) -> None:
    """Returns once no task is at work."""
    for state in ("pending", "processing", "retryable"):
        while unfinished := (await client.get(f"/tasks?limit=1&state={state}")).json()["tasks"]:
            await client.get(f"/tasks/{unfinished[0]['task_id']}", headers={"Prefer": "wait=10"})


async def last_transition(client: httpx.AsyncClient) -> int:
    """The newest of all, which belongs to one of the tasks that were posted last."""
    tasks = (await client.get("/tasks?limit=100")).json()["tasks"]
    histories = [(await client.get(f"/tasks/{task['task_id']}/transitions")).json() for task in tasks]
    return max(move["id"] for history in histories for move in history)


def main() -> None:
    followers = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    wanted = followers + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), SAYATHING_LOG_LEVEL="warning") as service,
    ):
        print(fsync_line(Path(folder)))
        until(lambda: httpx.get(f"{service.url}/readyz").status_code == 200)
        asyncio.run(measure(service, followers, tasks))


if __name__ == "__main__":
    main()
