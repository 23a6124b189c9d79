"""`/v1/embeddings/…`: contents become unit vectors."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer
from serving.api.documented import documented, reference
from serving.api.reading import FORM, form_images, json_body, media_type
from serving.api.service import Pictures, Service
from serving.security.refusals import BadFields
from serving.wire.embeddings import Embeddings, ImagesRequest, TextsRequest, UsersRequest
from serving.wire.fields import BATCH

router = APIRouter(tags=["Embeddings"])
_FORM_SCHEMA = {
    "type": "object",
    "required": ["images"],
    "additionalProperties": False,
    "properties": {
        "images": {
            "type": "array",
            "minItems": 1,
            "maxItems": BATCH,
            "items": {"type": "string", "format": "binary"},
        }
    },
}
_IMAGES = documented(
    Embeddings,
    examples.EMBEDDINGS,
    body=ImagesRequest,
    body_example=examples.IMAGES_REQUEST,
)
_IMAGES["openapi_extra"]["requestBody"]["content"] = {
    "application/json": {
        "schema": reference(ImagesRequest),
        "example": examples.IMAGES_REQUEST,
    },
    FORM: {"schema": _FORM_SCHEMA},
}


@router.post(
    "/v1/embeddings/texts",
    summary="Embed texts",
    **documented(
        Embeddings, examples.EMBEDDINGS, body=TextsRequest, body_example=examples.TEXTS_REQUEST
    ),
)
async def embed_texts(
    body: Annotated[TextsRequest, Depends(json_body(TextsRequest))], backend: Service
) -> Response:
    """One unit vector per text, in their order."""
    return answer(await backend.embed_texts(body.texts))


@router.post("/v1/embeddings/images", summary="Embed pictures", **_IMAGES)
async def embed_images(request: Request, backend: Service, check: Pictures) -> Response:
    """One unit vector per picture, in their order.

    As JSON in base64, or as a form with the repeated file field `images`.
    """
    if media_type(request) == FORM:
        images = await form_images(request)
        if len(images) > BATCH:
            raise BadFields({"body.images": f"holds {len(images)} pictures, at most {BATCH}"})
    else:
        images = (await json_body(ImagesRequest)(request)).images
    await check({f"body.images.{place}": image for place, image in enumerate(images)})
    return answer(await backend.embed_images(images))


@router.post(
    "/v1/embeddings/users",
    summary="Embed people",
    **documented(
        Embeddings, examples.EMBEDDINGS, body=UsersRequest, body_example=examples.USERS_REQUEST
    ),
)
async def embed_users(
    body: Annotated[UsersRequest, Depends(json_body(UsersRequest))],
    backend: Service,
    check: Pictures,
) -> Response:
    """One unit vector per person, in their order: known ones by id, others by their posts."""
    await check(
        {
            f"body.users.{place}.posts.{number}.image": post.image
            for place, user in enumerate(body.users)
            for number, post in enumerate(user.posts)
            if post.image is not None
        }
    )
    return answer(await backend.embed_users(body.users))
