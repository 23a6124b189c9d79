import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from tests.training.encoders import tiny
from training.data.images import decode_image
from training.encoders import EncoderConfig, build_image_encoder, build_text_encoder
from training.errors import BadConfig

PICTURES = [tiny.picture(seed) for seed in range(3)]
TEXTS = ["a red cat", "the green tree and the sky", "Cat"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        name: getattr(tiny, f"write_{name}")(root / name)
        for name in ("bert", "vit", "clip", "siglip")
    }


def config(folder, **changes):
    return EncoderConfig(name=f"transformers/{folder}", **changes)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_towers_equal_the_two_tower_model(folders, name):
    folder = folders[name]
    model = AutoModel.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    pixels = processor([decode_image(p) for p in PICTURES], return_tensors="pt")
    padding = "max_length" if name == "siglip" else True
    tokens = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=padding, max_length=16, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        image = model.get_image_features(**pixels).pooler_output
        text = model.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).pooler_output
    text_encoder, image_encoder = (
        b(config(folder)) for b in (build_text_encoder, build_image_encoder)
    )
    torch.testing.assert_close(text_encoder.encode(TEXTS), text, atol=1e-5, rtol=1e-4)
    # pictures are cropped and resized in one pass, theirs in two: a grey level's rounding between
    likeness = torch.cosine_similarity(image_encoder.encode(PICTURES), image)
    assert float(likeness.min()) > 0.9999
    assert image_encoder.dimension == image.shape[1]


def test_clip_pixels_are_the_processors(folders):
    encoder = build_image_encoder(config(folders["clip"]))
    processor = AutoImageProcessor.from_pretrained(folders["clip"], backend="pil")
    theirs = processor([decode_image(p) for p in PICTURES], return_tensors="np")["pixel_values"]
    pixels = encoder.preprocess(PICTURES)["pixels"].numpy() / 255
    mean, std = (
        np.array(v).reshape(1, 3, 1, 1) for v in (processor.image_mean, processor.image_std)
    )
    assert np.abs((pixels - mean) / std - theirs).mean() < 0.02


def test_text_pooling(folders):
    model = AutoModel.from_pretrained(folders["bert"]).eval()
    tokens = AutoTokenizer.from_pretrained(folders["bert"])(TEXTS[:1], return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state[0]
    mean = build_text_encoder(config(folders["bert"])).encode(TEXTS)
    first = build_text_encoder(config(folders["bert"], text_pooling="first")).encode(TEXTS)
    torch.testing.assert_close(mean[0], states.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first[0], states[0], atol=1e-5, rtol=1e-4)


def test_pooling_of_a_sentence_encoder_is_read_from_its_folder(folders, tmp_path):
    folder = tiny.write_bert(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert build_text_encoder(config(folder)).preprocessing.pooling == "first"
    assert build_text_encoder(config(folders["bert"])).preprocessing.pooling == "mean"


def test_an_untrained_pooler_is_not_used(folders):
    encoder = build_image_encoder(config(folders["vit"]))
    assert encoder.preprocessing.pooling == "mean"
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


def test_random_weights_from_a_folder(folders):
    random = build_text_encoder(config(folders["bert"], pretrained=False))
    assert random.fingerprint() != build_text_encoder(config(folders["bert"])).fingerprint()
    assert random.encode(TEXTS).shape == (3, 32)


def test_the_fingerprint_knows_weights_tokenizer_and_settings(folders, tmp_path):
    def fingerprint(**changes):
        return build_text_encoder(config(folder, **changes)).fingerprint()

    folder = tiny.write_bert(tmp_path)
    before = fingerprint()
    assert fingerprint() == before
    assert fingerprint(batch_size=3) == before  # it changes speed alone
    assert fingerprint(max_tokens=8) != before
    assert fingerprint(text_pooling="first") != before
    tokens = folder / "tokenizer.json"
    tokens.write_text(tokens.read_text().replace('"Lowercase"', '"NFC"'))
    assert fingerprint() != before


def test_loading_other_weights_into_a_frozen_encoder_changes_its_fingerprint(folders):
    from training.encoders.config import TEXT_DEFAULT

    encoder = build_text_encoder(TEXT_DEFAULT)
    before = encoder.fingerprint()
    state = {name: tensor + 0.01 for name, tensor in encoder.state_dict().items()}
    encoder.load_state_dict(state)
    assert encoder.fingerprint() != before


def test_models_of_the_other_kind_are_refused(folders):
    with pytest.raises(BadConfig, match="no image encoder"):
        build_image_encoder(config(folders["bert"]))
    with pytest.raises(BadConfig, match="no text encoder"):
        build_text_encoder(config(folders["vit"]))


def test_long_texts_are_cut_at_the_models_limit(folders):
    encoder = build_text_encoder(config(folders["bert"], max_tokens=500))
    assert encoder.preprocess(["cat " * 40])["input_ids"].shape == (1, 16)
