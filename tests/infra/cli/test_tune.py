"""What a mistake on the command line is answered with, before anything starts."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--space", "loop.lerning_rate=uniform(0, 1)"], "did you mean loop.learning_rate?"),
        (["--space", "model.dropout=normal(0, 1)"], "there is no distribution normal"),
        (["--space", "space.txt"], "neither field=… nor a YAML file"),
        (["--space", "absent.yaml"], "absent.yaml does not exist"),
        (["--trials", "0"], "trials"),
        (["--resume"], "--name"),
        (["--resume", "--new", "--name", "x"], "choose one"),
    ],
)
def test_a_mistake_is_told_in_words(commonspace, tmp_path, arguments, said):
    done = commonspace("tune", "--workspace", tmp_path, *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not done.out
    assert not list(tmp_path.iterdir())
