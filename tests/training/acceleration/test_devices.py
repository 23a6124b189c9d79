"""What is chosen for a device, and precision that stays close."""

import os

import pytest
import torch

from tests.training.synthetic import small_examples
from tests.training.test_loop import objective
from training import loop
from training.acceleration import AccelerationConfig
from training.acceleration.devices import collectives, computes_in_bf16, fuses, settings
from training.errors import BadConfig


def test_gpus_talk_over_nccl_and_cpus_over_gloo():
    assert collectives(gpus=True) == "nccl"
    assert collectives(gpus=False) == "gloo"


def test_the_device_decides_what_is_left_to_it(monkeypatch):
    auto = AccelerationConfig()
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert computes_in_bf16(auto, "cuda") and not computes_in_bf16(auto, "cpu")
    assert fuses(auto, "cuda") and fuses(auto, "cpu") and not fuses(auto, "mps")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert not computes_in_bf16(auto, "cuda")
    chosen = AccelerationConfig(precision="bf16", fused_optimizer=False)
    assert computes_in_bf16(chosen, "cpu") and not fuses(chosen, "cuda")
    assert not computes_in_bf16(AccelerationConfig(precision="float32"), "cuda")


def test_settings_of_the_process_come_and_go(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = torch.get_float32_matmul_precision()
    with settings(AccelerationConfig(deterministic=True), "cuda"):
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    with settings(AccelerationConfig(tf32=False), "cuda"):
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == before


def trained(**acceleration):
    config = loop.LoopConfig(epochs=4, batch_size=16)
    chosen = AccelerationConfig(**acceleration)
    lines = []
    state = loop.begin(objective(small_examples()), config, chosen)
    loop.run(state, small_examples(), config, lambda metrics, _: lines.append(metrics), chosen)
    return state, lines


def test_bf16_stays_close_and_weights_stay_float32():
    plain, wanted = trained()
    half, lines = trained(precision="bf16")
    for name, value in wanted[-1].items():
        if name.startswith("loss/"):
            assert lines[-1][name] == pytest.approx(value, rel=0.03), name
    weights, moments = half.objective.state_dict(), half.optimizer.state.values()
    assert {w.dtype for w in weights.values()} == {torch.float32}
    assert {m["exp_avg"].dtype for m in moments} == {torch.float32}
    changed = [not w.equal(plain.objective.state_dict()[name]) for name, w in weights.items()]
    assert any(changed)


def test_one_kernel_for_the_optimizer_gives_the_same_weights():
    plain, fused = trained(fused_optimizer=False)[0], trained()[0]
    assert not plain.optimizer.defaults["fused"]
    assert fused.optimizer.defaults["fused"]
    for name, weight in plain.objective.state_dict().items():
        torch.testing.assert_close(fused.objective.state_dict()[name], weight, rtol=1e-4, atol=1e-5)


def test_the_old_word_for_bf16_names_the_new_one():
    assert loop.LoopConfig.parse({"bf16": False, "epochs": 3}) == loop.LoopConfig(epochs=3)
    with pytest.raises(BadConfig, match=r"acceleration\.precision=bf16"):
        loop.LoopConfig.parse({"bf16": True})
