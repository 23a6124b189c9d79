from training.features.chunks import first_rows, image_chunks, text_chunks


def test_each_content_is_kept_once_at_its_first_row():
    assert first_rows(["a", None, "b", "a", None, "c"]) == {"a": 0, "b": 2, "c": 5}


def test_images_are_chunked_in_order():
    contents = {f"h{i}": 3 * i for i in range(150)}
    chunks = image_chunks(contents)
    assert [len(chunk) for chunk in chunks] == [64, 64, 22]
    assert [row for chunk in chunks for row in chunk.rows] == list(contents.values())
    assert {chunk.modality for chunk in chunks} == {"image"}


def test_texts_are_chunked_by_length_the_long_ones_first():
    texts = ["x" * (7 * i % 301) for i in range(300)]
    contents = {f"h{i}": i for i in range(300)}
    chunks = text_chunks(contents, texts)
    assert [len(chunk) for chunk in chunks] == [256, 44]
    lengths = [len(text) for chunk in chunks for text in chunk.texts]
    assert lengths == sorted(lengths, reverse=True)
    for chunk in chunks:
        assert chunk.hashes == [f"h{row}" for row in chunk.rows]
        assert chunk.texts == [texts[row] for row in chunk.rows]


def test_many_contents_make_some_thousand_chunks():
    chunks = image_chunks({str(i): i for i in range(300_000)})
    assert 3000 < len(chunks) <= 4096
    assert sum(map(len, chunks)) == 300_000


def test_nothing_makes_no_chunks():
    assert image_chunks({}) == [] and text_chunks({}, []) == []
