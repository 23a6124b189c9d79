import asyncio
import json

from starlette.types import Message

from serving.edge import MARK, MOST_BYTES, Edge


class Proxy:
    """An ASGI app that answers as Ray Serve's proxy might, one answer after the other."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []
        self.ids: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        self.ids += [value for name, value in scope["headers"] if name == b"x-request-id"]
        message = await receive()
        self.bodies.append(message["body"])
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status is None:  # waits for the client to go
            assert (await receive())["type"] == "http.disconnect"
            return
        mark = [(MARK, b"1")] if status != 500 and status != 503 else []
        headers = [(b"content-type", b"text/plain"), (b"x-request-id", b"proxy"), *mark]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await send({"type": "http.response.body", "body": b"whole"})


def ask(proxy: Proxy, body: list[bytes], headers=(), patience_s: float = 5.0) -> list[Message]:
    parts = [
        {"type": "http.request", "body": part, "more_body": at + 1 < len(body)}
        for at, part in enumerate(body)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/search", "headers": list(headers)}
    asyncio.run(Edge(proxy, patience_s)(scope, receive, send))
    return sent


def header(message: Message, name: bytes) -> list[bytes]:
    return [value for given, value in message["headers"] if given == name]


def test_an_answer_of_the_gateway_passes_without_its_mark():
    start, *bodies = ask(Proxy(422), [b"a", b"b"])
    assert start["status"] == 422
    assert not header(start, MARK)
    assert b"".join(part["body"] for part in bodies) == b"halfwhole"


def test_a_request_whose_gateway_was_lost_is_asked_again_whole():
    proxy = Proxy(500, 500, 201)
    start, *_ = ask(proxy, [b"one", b" two"])
    assert start["status"] == 201
    assert proxy.bodies == [b"one two"] * 3
    assert len(set(proxy.ids)) == 1
    assert header(start, b"x-request-id") == [proxy.ids[0]]


def test_a_full_queue_is_a_problem_that_says_when_to_come_again():
    start, body = ask(Proxy(503), [b""], [(b"x-request-id", b"mine")])
    problem = json.loads(body["body"])
    assert (start["status"], problem["status"]) == (503, 503)
    assert header(start, b"retry-after") == [b"1"]
    assert header(start, b"content-type") == [b"application/problem+json"]
    assert problem["request_id"] == "mine"


def test_patience_ends():
    proxy = Proxy(500)
    start, _ = ask(proxy, [b""], patience_s=0.4)
    assert start["status"] == 503
    assert len(proxy.bodies) > 1


def test_a_body_without_end_is_cut_off():
    part = b"x" * (1 << 20)
    proxy = Proxy(200)
    start, _ = ask(proxy, [part] * (MOST_BYTES // len(part) + 2))
    assert start["status"] == 413
    assert proxy.bodies == []


def test_nothing_is_asked_for_a_client_that_left_again():
    proxy = Proxy(None)
    assert ask(proxy, [b""]) == []
    assert len(proxy.bodies) == 1


def test_a_request_id_that_could_forge_a_log_line_is_replaced():
    proxy = Proxy(200)
    ask(proxy, [b""], [(b"x-request-id", b"a b\nc")])
    assert proxy.ids[0] != b"a b\nc"
    assert proxy.ids[0].isalnum()


def test_questions_are_let_in_a_few_at_a_time_and_the_rest_are_told_at_once():
    entered, inside = asyncio.Event(), asyncio.Event()
    sent: dict[str, list[Message]] = {"first": [], "second": [], "picture": []}

    async def slow(scope, receive, send) -> None:
        await receive()
        entered.set()
        if scope["path"] == "/v1/search":
            await inside.wait()
        headers = [(MARK, b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> None:
        edge = Edge(slow, in_flight=1)

        async def one(name: str, path: str) -> None:
            async def receive() -> Message:
                return {"type": "http.request", "body": b""}

            async def send(message: Message) -> None:
                sent[name].append(message)

            await edge({"type": "http", "path": path, "headers": []}, receive, send)

        first = asyncio.create_task(one("first", "/v1/search"))
        await entered.wait()
        await one("second", "/v1/posts/a/related")
        await one("picture", "/v1/posts/a/image")
        inside.set()
        await first
        await one("second", "/v1/search")

    asyncio.run(main())
    statuses = [m["status"] for m in sent["second"] if m["type"] == "http.response.start"]
    assert statuses == [503, 200]
    assert header(sent["second"][0], b"retry-after") == [b"1"]
    assert sent["picture"][0]["status"] == sent["first"][0]["status"] == 200


def test_a_person_is_told_in_a_page():
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    headers = [(b"accept", b"text/html,*/*")]
    scope = {"type": "http", "path": "/people/ann", "headers": headers}
    asyncio.run(Edge(Proxy(503), 5.0)(scope, receive, send))
    assert header(sent[0], b"content-type") == [b"text/html; charset=utf-8"]
    assert header(sent[0], b"retry-after") == [b"1"]
    assert b"<h1>Service unavailable</h1>" in sent[1]["body"]
