import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from training.encoders import build_image_encoder, build_text_encoder
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import BadData
from training.model import JointSpace, ModelConfig
from training.space import RawPost, Space
from training.tracking.artifact import SPACE_PATH
from training.tracking.gate import consider
from training.tracking.pyfunc_model import encode_rows
from training.tracking.registry import load_space, register


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = picture("red"), picture("blue")


@pytest.fixture(scope="module")
def space() -> Space:
    """Untrained towers on the real encoders; Ann and Bob are known."""
    torch.manual_seed(0)
    small = IMAGE_DEFAULT.model_copy(update={"image_size": 64})
    image, text = build_image_encoder(small), build_text_encoder(TEXT_DEFAULT)
    joint = JointSpace(
        ModelConfig(dimension=8, hidden=16),
        users=2,
        image_features=image.dimension,
        text_features=text.dimension,
    )
    return Space(joint, image, text, ["ann", "bob"])


def test_texts_images_and_posts(space):
    rows = pd.DataFrame({"text": ["a cat", "a dog"], "image": [RED, BLUE]})
    equal(encode_rows(space, rows, "text"), space.encode_text(["a cat", "a dog"]))
    equal(encode_rows(space, rows, "image"), space.encode_image([RED, BLUE]))
    posts = [RawPost("a cat", RED), RawPost("a dog", BLUE)]
    equal(encode_rows(space, rows), space.encode_post(posts))


def test_absent_is_absent(space):
    absent = [None, np.nan, pd.NA, ""]
    rows = pd.DataFrame({"text": ["a cat", *absent], "image": [None, *[RED] * 4]}, dtype=object)
    cat, red = space.encode_post([RawPost("a cat"), RawPost(None, RED)])
    equal(encode_rows(space, rows), np.stack([cat, red, red, red, red]))
    for row in range(1, 5):
        with pytest.raises(BadData, match=f"row {row} has no text"):
            encode_rows(space, rows.iloc[[0] * row + [row]], "text")


def test_rows_of_one_person_are_one_history(space):
    rows = pd.DataFrame(
        {
            "user_id": ["ann", "zoe", "ann", None, "bob", None],
            "text": ["a cat", "a hat", "a dog", "a car", None, "a car"],
            "weight": [1.0, 1.0, 3.0, None, None, 1.0],
        }
    )
    got = encode_rows(space, rows, "user")
    histories = [[RawPost("a cat"), RawPost("a dog", weight=3.0)], [RawPost("a hat")], [],
                 [RawPost("a car")]]  # fmt: skip
    ann, zoe, bob, stranger = space.encode_user(histories, ["ann", None, "bob", None])
    equal(got, np.stack([ann, zoe, ann, stranger, bob, stranger]))
    assert not np.allclose(ann, encode_rows(space, rows[:1], "user")[0])


def test_no_rows_are_no_embeddings(space):
    for modality in ("post", "text", "image", "user"):
        found = encode_rows(space, pd.DataFrame({"text": []}), modality)
        assert found.shape == (0, space.dimension)


@pytest.mark.parametrize(
    ("rows", "modality", "message"),
    [
        ({"text": ["a"]}, "person", r"modality is 'person'.*post, text, image, user"),
        ({"txt": ["a"]}, "post", "no such column: txt.*text, image, user_id, weight"),
        ({}, "post", "none of the model's columns"),
        ({"text": ["a", 3]}, "post", "row 1: text is int, not str"),
        ({"image": ["aGk="]}, "image", "row 0: image is str, not bytes"),
        ({"text": ["a", None]}, "post", "row 1 has neither text nor image"),
        ({"text": ["a"]}, "image", "row 0 has no image"),
        ({"user_id": ["ann", "eve"]}, "user", "row 1: .*does not know the person 'eve'"),
        ({"text": ["a"], "weight": [-1]}, "user", "row 0: weight is -1"),
        ({"text": ["a"], "weight": ["x"]}, "user", "row 0: weight is 'x'"),
    ],
)
def test_bad_rows_are_named(space, rows, modality, message):
    with pytest.raises(BadData, match=message):
        encode_rows(space, pd.DataFrame(rows, dtype=object), modality)


ELSEWHERE = """
import json, sys
from pathlib import Path
import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server import invocations

assert "training" not in sys.modules
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/commonspace@champion")
image = Path(sys.argv[2]).read_bytes()
rows = pd.DataFrame({"text": ["a cat", None], "image": [None, image]})
answer = {
    "post": model.predict(rows).tolist(),
    "text": model.predict(pd.DataFrame({"text": ["a cat"]}), params={"modality": "text"}).tolist(),
    "user": model.predict(pd.DataFrame({"user_id": ["ann"]}), {"modality": "user"}).tolist(),
    "http": json.loads(invocations(sys.argv[3], "application/json", model,
                                   model.metadata.get_input_schema()).response),
    "code": sorted({m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "training"}),
}
for bad in ({"text": [1.5]}, {"nothing": ["a"]}):
    try:
        model.predict(pd.DataFrame(bad))
    except Exception as error:
        answer["bad " + next(iter(bad))] = str(error)
print("ANSWER" + json.dumps(answer))
"""


def test_it_loads_where_the_package_is_not(space, tracking, run, tmp_path):
    space.save(tmp_path / "saved")
    version = register(tracking, run.run_id, tmp_path / "saved", metrics={"validation/mrr": 0.5})
    assert consider(tracking, version.version).promoted
    image = base64.b64encode(RED).decode()
    request = {"dataframe_records": [{"image": image}], "params": {"modality": "image"}}
    (tmp_path / "red.png").write_bytes(RED)
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, tracking.uri, tmp_path / "red.png",
         json.dumps(request)],
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.split("ANSWER")[1])
    model = Path(unquote(version.source.removeprefix("file://")))
    assert answer["code"]
    assert all(Path(file).is_relative_to(model / "code") for file in answer["code"])
    equal(answer["post"], space.encode_post([RawPost("a cat"), RawPost(None, RED)]))
    equal(answer["text"], space.encode_text(["a cat"]))
    equal(answer["user"], space.encode_user([[]], ["ann"]))
    equal(answer["http"]["predictions"], space.encode_image([RED]))
    assert "Failed to enforce schema" in answer["bad text"]
    assert "none of the model's columns" in answer["bad nothing"]

    native = load_space("models:/commonspace@champion", tracking)
    assert native.users == space.users
    equal(native.encode_text(["a cat"]), space.encode_text(["a cat"]))
    assert load_space(model / SPACE_PATH).dimension == space.dimension


def equal(got, expected) -> None:
    np.testing.assert_allclose(np.asarray(got), expected, atol=1e-5)
