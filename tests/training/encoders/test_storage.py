import json
import pickle

import pytest
import torch

from tests.training.encoders import tiny
from training.encoders import (
    EncoderConfig,
    build_image_encoder,
    build_text_encoder,
    load_encoder,
)
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import BadData

PICTURES = [tiny.picture(seed) for seed in range(3)]
TEXTS = ["a red cat", "the green tree and the sky", ""]
TUNINGS = ["frozen", "last_blocks", "full", "lora"]


def trained(encoder):
    """As after a training: every weight that learns is another."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.05 * noise)
    return encoder


def check_round_trip(encoder, raw, folder):
    encoder = trained(encoder)
    encoder.save(folder)
    loaded = load_encoder(folder)
    assert (loaded.config, loaded.dimension) == (encoder.config, encoder.dimension)
    assert loaded.fingerprint() == encoder.fingerprint()
    assert torch.equal(loaded.encode(raw), encoder.encode(raw))
    assert not any(path.suffix in (".pkl", ".pt", ".bin") for path in folder.rglob("*"))
    again = folder.parent / "again"
    loaded.save(again)  # what is loaded can be saved
    assert load_encoder(again).fingerprint() == encoder.fingerprint()


@pytest.mark.parametrize("tuning", TUNINGS)
def test_packaged_image_encoder(tuning, tmp_path):
    encoder = build_image_encoder(
        IMAGE_DEFAULT.model_copy(update={"tuning": tuning, "image_size": 64, "lora_rank": 2})
    )
    check_round_trip(encoder, PICTURES, tmp_path / "encoder")
    weights = tmp_path / "encoder" / "weights.safetensors"
    assert weights.exists() == (tuning != "frozen")


def test_packaged_text_encoder(tmp_path):
    config = TEXT_DEFAULT.model_copy(update={"tuning": "lora", "max_tokens": 32})
    check_round_trip(build_text_encoder(config), TEXTS, tmp_path / "encoder")
    assert (tmp_path / "encoder" / "weights.safetensors").stat().st_size < 5_000_000


@pytest.mark.parametrize("tuning", TUNINGS)
def test_towers_of_a_folder(tuning, tmp_path):
    name = f"transformers/{tiny.write_clip(tmp_path / 'clip')}"
    config = EncoderConfig(name=name, tuning=tuning, lora_rank=2)
    check_round_trip(build_text_encoder(config), TEXTS, tmp_path / "text")
    check_round_trip(build_image_encoder(config), PICTURES, tmp_path / "image")


@pytest.mark.parametrize("tuning", ["last_blocks", "full", "lora"])
def test_a_trained_encoder_needs_no_download(tuning, tmp_path):
    source = tiny.write_bert(tmp_path / "bert")
    config = EncoderConfig(name=f"transformers/{source}", tuning=tuning, text_pooling="first")
    encoder = trained(build_text_encoder(config))
    encoder.save(tmp_path / "saved")
    source.rename(tmp_path / "gone")
    assert torch.equal(load_encoder(tmp_path / "saved").encode(TEXTS), encoder.encode(TEXTS))


def test_a_vision_model_without_pooler_needs_no_download_either(tmp_path):
    source = tiny.write_vit(tmp_path / "vit")
    encoder = trained(
        build_image_encoder(EncoderConfig(name=f"transformers/{source}", tuning="full"))
    )
    encoder.save(tmp_path / "saved")
    source.rename(tmp_path / "gone")
    found = load_encoder(tmp_path / "saved").encode(PICTURES)
    assert torch.equal(found, encoder.encode(PICTURES))


def test_encoders_can_be_sent_to_another_process():
    for encoder, raw in [
        (build_image_encoder(IMAGE_DEFAULT), PICTURES),
        (build_text_encoder(TEXT_DEFAULT), TEXTS),
        (build_text_encoder(TEXT_DEFAULT.model_copy(update={"levels": "last"})), TEXTS),
    ]:
        wanted = encoder.encode(raw)
        arrived = pickle.loads(pickle.dumps(encoder))
        assert torch.equal(arrived.encode(raw), wanted)
        assert torch.equal(encoder.encode(raw), wanted)  # sending changes nothing here
        assert arrived.fingerprint() == encoder.fingerprint()


def test_random_weights_are_the_same_ones_anew(tmp_path):
    config = EncoderConfig(name="timm/test_vit", pretrained=False)
    torch.manual_seed(1)
    encoder = build_image_encoder(config)
    after = torch.rand(1)
    torch.manual_seed(2)
    assert build_image_encoder(config).fingerprint() == encoder.fingerprint()
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)  # building leaves the caller's generator alone
    check_round_trip(encoder, PICTURES, tmp_path / "encoder")


def test_a_frozen_encoder_that_has_changed_at_its_source_is_refused(tmp_path):
    source = tiny.write_bert(tmp_path / "bert")
    build_text_encoder(EncoderConfig(name=f"transformers/{source}")).save(tmp_path / "saved")
    from transformers import BertModel

    model = BertModel.from_pretrained(source)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.add_(0.1)
    model.save_pretrained(source)
    with pytest.raises(BadData, match="is not the one that was saved"):
        load_encoder(tmp_path / "saved")


def test_the_saved_preprocessing_is_used(tmp_path):
    encoder = build_image_encoder(EncoderConfig(name="timm/test_resnet", pretrained=False))
    encoder.save(tmp_path)
    file = tmp_path / "preprocessing.json"
    settings = json.loads(file.read_text()) | {"fit": "pad"}
    file.write_text(json.dumps(settings))
    with pytest.raises(BadData):  # another preprocessing is another encoder
        load_encoder(tmp_path)


@pytest.mark.parametrize("broken", ["encoder.json", "weights.safetensors", "preprocessing.json"])
def test_a_broken_folder_is_named(broken, tmp_path):
    config = EncoderConfig(name="timm/test_resnet", pretrained=False, tuning="full")
    build_image_encoder(config).save(tmp_path)
    (tmp_path / broken).write_bytes((tmp_path / broken).read_bytes()[:40])
    with pytest.raises(BadData, match=str(tmp_path)):
        load_encoder(tmp_path)


def test_weights_of_another_architecture_are_refused(tmp_path):
    config = EncoderConfig(name="timm/test_resnet", pretrained=False, tuning="full")
    build_image_encoder(config).save(tmp_path)
    other = EncoderConfig(name="timm/test_vit", pretrained=False, tuning="full")
    build_image_encoder(other).save(tmp_path / "other")
    (tmp_path / "other" / "weights.safetensors").replace(tmp_path / "weights.safetensors")
    with pytest.raises(BadData, match="another architecture"):
        load_encoder(tmp_path)
