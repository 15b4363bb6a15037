"""Clients that ask without pause, and hold every body to what was published."""

import asyncio
import gzip
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.faults_truth import Truth
from benchmarks.faults_world import Balancer

_SECONDS = 10.0
"""A client's patience with one answer."""
_SERIES = "series=prod/workload/shop/deployment/api"
PATHS = (
    "/v1/next_day?metric=cpu",
    "/v1/next_week?metric=cpu",
    "/v1/next_month?metric=cpu",
    f"/v1/next_day?metric=cpu&{_SERIES}",
    f"/v1/next_week.csv?metric=cpu&{_SERIES}",
    "/v1/next_month.csv?metric=memory",
    "/v1/next_week?metric=memory&namespace=shop",
    "/v1/next_day?metric=memory&stat=max",
    "/v1/next_day?metric=cpu&alias=challenger",
)
_CHALLENGER = "alias=challenger"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Tally:
    """What came of all requests.

    Attributes:
        asked: Requests.
        good: Answers whose bytes are those that were published.
        unchanged: 304s.
        no_challenger: Asked for a challenger while there was none.
        cut: Requests that a killed server left unanswered; each was asked again elsewhere.
        failed: Requests without a right status, by what happened.
        mixed: Bodies with numbers of two versions, or of another than they name.
        wrong: Bodies that are no version's of any hour.
        versions: Champions seen of cpu.
        told: The first few troubles, in words.
    """

    asked: int = 0
    good: int = 0
    unchanged: int = 0
    no_challenger: int = 0
    cut: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    mixed: int = 0
    wrong: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Keep a trouble in words, if it is one of the first."""
        if len(self.told) < 20:  # noqa: PLR2004  # more of them say no more
            self.told.append(text)


@dataclass(slots=True)
class Load:
    """So many clients on connections that are kept alive.

    Attributes:
        balancer: Where new connections go.
        truth: What was published.
        dice: Chooses paths and headers.
        tally: What came of it.
    """

    balancer: Balancer
    truth: Truth
    dice: random.Random
    tally: Tally = field(default_factory=Tally)
    _tags: dict[tuple[str, str], bytes] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event, *, clients: int) -> None:
        """Ask until `stop` is set."""
        await asyncio.gather(*(self._client(stop) for _ in range(clients)))

    async def _client(self, stop: asyncio.Event) -> None:
        connection: Connection | None = None
        while not stop.is_set():
            path, headers, held = self._question()
            connection, reply = await self._ask(connection, path, headers)
            if reply is not None:
                await self._hold(path, reply, held)
        if connection is not None:
            connection.close()

    def _question(self) -> tuple[str, dict[str, str], bytes]:
        path = self.dice.choice(PATHS)
        headers = {"Accept-Encoding": "gzip"} if self.dice.random() < 0.3 else {}  # noqa: PLR2004  # some
        known = [tag for (asked, tag) in self._tags if asked == path]
        if known and self.dice.random() < 0.2:  # noqa: PLR2004  # as above
            tag = self.dice.choice(known[-4:])
            headers["If-None-Match"] = tag
            return path, headers, self._tags[path, tag]
        return path, headers, b""

    async def _ask(
        self, connection: "Connection | None", path: str, headers: Mapping[str, str]
    ) -> tuple["Connection | None", Reply | None]:
        """Send one request; once more where its server was killed under it."""
        self.tally.asked += 1
        for again in (False, True):
            port = connection.port if connection else self.dice.choice(self.balancer.ports)
            try:
                if connection is None:
                    connection = await Connection.to(port)
                reply = await asyncio.wait_for(connection.get(path, headers), _SECONDS)
            except (OSError, EOFError, asyncio.IncompleteReadError, TimeoutError) as error:
                if connection is not None:
                    connection.close()
                connection = None
                if port in self.balancer.killed and not again:
                    self.tally.cut += 1
                    continue
                self._fail(f"{type(error).__name__} {error} from {port}", path)
                return None, None
            if reply.headers.get("connection", "").lower() == "close":
                connection.close()
                connection = None
            return connection, reply
        return None, None

    def _fail(self, what: str, path: str) -> None:
        self.tally.failed[what] += 1
        self.tally.tell(f"{path}: {what}")

    async def _hold(self, path: str, reply: Reply, held: bytes) -> None:
        tally = self.tally
        if reply.status == 304 and held:  # noqa: PLR2004  # HTTP's number
            tally.unchanged += 1
            return
        if reply.status == 404 and _CHALLENGER in path and b"no-challenger" in reply.body:  # noqa: PLR2004  # as above
            tally.no_challenger += 1
            return
        if reply.status != 200:  # noqa: PLR2004  # as above
            self._fail(f"{reply.status} {reply.body[:200]!r}", path)
            return
        body = reply.body
        if reply.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        verdict = await self.truth.of(path, body)
        tag = reply.headers.get("etag", "")
        if tag and self._tags.setdefault((path, tag), body) != body:
            verdict = "wrong"
            tally.tell(f"{path}: the tag {tag} stands for two bodies")
        if verdict == "mixed":
            tally.mixed += 1
            tally.tell(f"{path}: mixed {body[:300]!r}")
        elif verdict == "wrong":
            tally.wrong += 1
            tally.tell(f"{path}: wrong {body[:300]!r}")
        else:
            tally.good += 1
            if path == PATHS[0]:
                tally.versions[verdict] += 1


@dataclass(slots=True)
class Connection:
    """One connection that is kept alive."""

    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @staticmethod
    async def to(port: int) -> "Connection":
        """Connect."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return Connection(port, reader, writer)

    async def get(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Ask, and read the answer whole."""
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        answered = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        return Reply(status, answered, await self._body(status, answered))

    async def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if status == 304:  # noqa: PLR2004  # HTTP's number
            return b""
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    def close(self) -> None:
        """Hang up."""
        self.writer.close()
