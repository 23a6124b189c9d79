import pytest

from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.versions import Names, Target, Version
from training.errors import BadConfig


def test_a_relative_folder_is_in_the_workspace_and_a_uri_stays(tmp_path):
    assert IndexConfig().location(tmp_path) == str(tmp_path / "milvus" / "vectors.db")
    assert IndexConfig(uri="/else/where.db").location(tmp_path) == "/else/where.db"
    uri = "http://127.0.0.1:19530"
    assert IndexConfig(uri=uri).location(tmp_path) == uri
    assert IndexConfig(uri=uri).remote and not IndexConfig().remote


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("uri", "http://user:secret@host:19530", "token"),
        ("uri", "ftp://host", "http"),
        ("uri", "folder", "end in .db"),
        ("uri", " ", "empty"),
        ("prefix", "a-b", "prefix"),
        ("keep_versions", 1, "keep_versions"),
        ("kind", "IVF", "kind"),
    ],
)
def test_bad_settings_name_the_field(field, value, message):
    with pytest.raises(BadConfig, match=message) as raised:
        IndexConfig.parse({field: value})
    assert field in str(raised.value)


def test_secrets_are_not_printed():
    index = IndexConfig.parse({"token": "root:Milvus"})
    events = EventsConfig.parse({"url": "postgresql+psycopg://me@host/x", "password": "hidden"})
    for text in (index.to_yaml(), repr(index), str(index.flat()), events.to_yaml(), repr(events)):
        assert "Milvus'" not in text and "root" not in text and "hidden" not in text


def test_all_settings_have_defaults_that_are_valid():
    assert RecommendConfig.parse(RecommendConfig().model_dump()) == RecommendConfig()


def test_names_are_read_back_as_they_were_written():
    names = Names("social")
    version = Version(build=12, model="7")
    for part in (*Target, "weights"):
        assert names.parse(names.collection(part, version)) == version
    foreign = ("social_posts", "other_posts_v7_000012", "social_cats_v7_000012", "social_live")
    assert [names.parse(name) for name in foreign] == [None] * 4
    assert Version(3, "1") > Version(2, "9")
    assert Target.USERS.asks(Target.IMAGES) == "user_to_image"
