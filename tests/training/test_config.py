import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Config
from training.errors import BadConfig
from training.run_config import RunConfig


class Inner(Config):
    size: int = 3


class Outer(Config):
    name: str = "x"
    inner: Inner = Inner()


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(BadConfig, match=r"inner\.sizee: no such field; did you mean 'size'"):
        Outer.load(overrides=["inner.sizee=4"])


def test_a_wrong_type_names_field_and_value():
    with pytest.raises(BadConfig, match=r"inner\.size: .*integer.*got 'big'"):
        Outer.load(overrides=["inner.size=big"])


@pytest.mark.parametrize("override", ["inner.size", "=3", "name.first=3"])
def test_a_malformed_override_is_named(override):
    with pytest.raises(BadConfig, match=override):
        Outer.load(overrides=["name=x", override])


def test_file_then_overrides(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("name: y\ninner: {size: 5}\n")
    assert Outer.load(path, ["inner.size=7"]) == Outer(name="y", inner=Inner(size=7))


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "list"), ("a: b: c", "not valid YAML"), ("\x00", "YAML")]
)
def test_a_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=message) as error:
        Outer.load(path)
    assert "run.yaml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadConfig, match="does not exist"):
        Outer.load(tmp_path / "none.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadConfig, match="can't be read: Is a directory"):
        RunConfig.load(tmp_path)


def test_credentials_are_not_repeated():
    with pytest.raises(BadConfig) as error:
        Outer.load(overrides=["inner.size=s3://key:secret@host/x"])
    assert "secret" not in str(error.value)


@given(st.integers(), st.text(alphabet="abc é", max_size=5))
def test_yaml_reads_back_what_was_written(size, name):
    import yaml

    config = Outer(name=name, inner=Inner(size=size))
    assert Outer.parse(yaml.safe_load(config.to_yaml())) == config


def test_the_whole_run_configuration_reads_back():
    import yaml

    config = RunConfig.load(overrides=["loop.epochs=3", "losses.user_text.name=sigmoid"])
    assert RunConfig.parse(yaml.safe_load(config.to_yaml())) == config
    assert config.flat()["loop.epochs"] == "3"
