import json

import pytest

from serving.api import examples, openapi
from serving.wire import answers, embeddings, operations, people, search, writes

DOCUMENT = openapi.text()
READ = {
    "RECOMMENDATIONS": answers.Recommendations,
    "SIMILAR_USERS": answers.SimilarUsers,
    "HITS": answers.Hits,
    "USERS": answers.Users,
    "POSTS": answers.Posts,
    "POST": answers.PostView,
    "EMBEDDINGS": embeddings.Embeddings,
    "TEXTS_REQUEST": embeddings.TextsRequest,
    "IMAGES_REQUEST": embeddings.ImagesRequest,
    "USERS_REQUEST": embeddings.UsersRequest,
    "SEARCH_REQUEST": search.SearchRequest,
    "SESSION_REQUEST": writes.SessionRequest,
    "POST_WRITE": writes.PostWrite,
    "POST_WRITTEN": writes.PostWritten,
    "REACTIONS_REQUEST": writes.ReactionsRequest,
    "REACTIONS_WRITTEN": writes.ReactionsWritten,
    "POST_RECEIPT": writes.Receipt,
    "USER_RECEIPT": writes.Receipt,
    "USER_WRITE": people.UserWrite,
    "USER_WRITTEN": people.UserWritten,
    "BOUNDARIES": people.BoundariesView,
    "BOUNDARY_CHANGED": people.BoundaryChanged,
    "MUTED_TAG": people.BoundaryChanged,
    "HEALTH": operations.Health,
    "READINESS": operations.Readiness,
}


def operations_of(document):
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_file_is_what_the_application_says():
    assert openapi.FILE.read_text(encoding="utf-8") == DOCUMENT, (
        "the API changed: python -m serving.api.openapi"
    )


@pytest.mark.parametrize("name", READ)
def test_every_example_is_what_its_model_reads_and_writes(name):
    model = READ[name]
    parsed = model.model_validate_json(json.dumps(getattr(examples, name)), strict=True)
    assert model.model_validate_json(parsed.model_dump_json(exclude_unset=True)) == parsed


def test_no_example_is_left_untested():
    assert {name for name in vars(examples) if name.isupper() and name[0] != "_"} == set(READ)


def test_every_route_has_examples_and_tells_its_failures():
    document = json.loads(DOCUMENT)
    assert document["openapi"].startswith("3.1")
    for name, operation in operations_of(document):
        assert operation["summary"] and operation["description"] and operation["tags"], name
        for kind, content in operation["responses"]["200"]["content"].items():
            assert kind != "application/json" or content["example"], name
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"], name
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400 and name != "GET /readyz":
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_only_health_is_open():
    unguarded = [name for name, one in operations_of(json.loads(DOCUMENT)) if "security" not in one]
    assert unguarded == ["GET /healthz", "GET /readyz"]
