import anyio
import pytest

from serving.security.bodies import MIB, BodyLimit, BodyLimits

LIMITS = BodyLimits(default=10, rules=((r"/big/.*", 100),))


async def reading(scope, receive, send):
    """Reads everything, then answers with how much it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def swallowing(scope, receive, send):
    """Takes every error for its own."""
    try:
        await reading(scope, receive, send)
    except Exception:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"ours"})


def ask(app, parts, *, length=None, path="/", limits=LIMITS):
    """Status, body, and how many parts were taken."""
    taken, sent = [], []

    async def receive():
        taken.append(parts[len(taken)])
        return {
            "type": "http.request",
            "body": taken[-1],
            "more_body": len(taken) < len(parts),
        }

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b"content-length", length)]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    anyio.run(BodyLimit(app, limits), scope, receive, send)
    return sent[0]["status"], sent[1].get("body", b""), len(taken)


@pytest.mark.parametrize("app", [reading, swallowing])
def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(app):
    assert ask(app, [b"12345", b"67890"]) == (200, b"10", 2)
    status, body, _ = ask(app, [b"12345", b"678901"])
    assert status == 413 and b"larger than 10 bytes" in body


@pytest.mark.parametrize("app", [reading, swallowing])
def test_a_stream_is_cut_where_it_becomes_too_large(app):
    status, _, taken = ask(app, [b"123456"] * 1000)
    assert (status, taken) == (413, 2)


def test_what_is_announced_as_too_large_is_not_read_at_all():
    assert ask(reading, [b"1"], length=b"11")[0::2] == (413, 0)
    assert ask(reading, [b"1"], length=b"9" * 5000)[0::2] == (413, 0)


def test_a_small_announcement_does_not_help():
    assert ask(reading, [b"12345678901"], length=b"1")[0] == 413


@pytest.mark.parametrize("length", [b"ten", b"-1", b"1e3", "١".encode()])
def test_a_length_that_is_no_number_is_refused(length):
    assert ask(reading, [b"1"], length=length)[0] == 400


def test_limits_go_by_path():
    assert ask(reading, [b"x" * 100], path="/big/one") == (200, b"100", 1)
    assert ask(reading, [b"x" * 101], path="/big/one")[0] == 413
    assert ask(reading, [b"x" * 11], path="/bigger")[0] == 413


def test_by_default_pictures_have_room_and_texts_little():
    limits = BodyLimits()
    assert limits.of("/v1/embeddings/images") == limits.of("/v1/search") == 32 * MIB
    assert limits.of("/v1/posts/a/b") == 14 * MIB > 4 * 10 * MIB / 3
    assert limits.of("/v1/reactions") == limits.of("/v1/embeddings/texts") == 1.5 * MIB
    assert limits.of("/v1/search/x") == limits.of("/anything") == 1.5 * MIB


def test_other_traffic_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    anyio.run(BodyLimit(app), {"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]
