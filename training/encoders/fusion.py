"""Convolutional backbones made fast for inference: the same function with fewer passes over memory.

On a CPU these networks are bound by memory: a batch normalisation reads and writes every activation
for nothing that the convolution before it could not do.
"""

import copy
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

_TOLERANCE = 1e-4


def fusible(backbone: nn.Module) -> bool:
    """Whether there is something to fuse."""
    return any(isinstance(m, nn.BatchNorm2d) or _is_adapted(m) for m in backbone.modules())


@torch.no_grad()
def fused(backbone: nn.Module, size: int) -> nn.Module:
    """A copy of an image backbone that gives the same features faster, in evaluation mode.

    Which normalisation follows which convolution is seen by watching a picture pass, and the copy
    is compared with the original on it: a backbone that is built otherwise is not rebuilt.

    Args:
        backbone: (N, 3, size, size) to (N, F).
        size: of its input; the copy takes no other.
    """
    plain = copy.deepcopy(backbone).eval().requires_grad_(False)
    _merge_adapters(plain)
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(2, 3, size, size, generator=generator).to(next(plain.parameters()))
    faster = copy.deepcopy(plain)
    replacements: dict[nn.Module, nn.Module] = {}
    for convolution, norm, shape in _watch(faster, probe):
        replacements[convolution] = _centred(_folded(convolution, norm), shape)
        # timm's normalisation holds the activation that follows it
        replacements[norm] = getattr(norm, "act", nn.Identity())
    for parent, name, child in _places(faster):
        if child in replacements:
            setattr(parent, name, replacements[child])
    return faster if _close(faster(probe), plain(probe)) else plain


def _watch(
    backbone: nn.Module, probe: Tensor
) -> list[tuple[nn.Conv2d, nn.BatchNorm2d, torch.Size]]:
    """Pairs of a convolution and the normalisation of its output, with the convolution's input."""
    made: dict[int, tuple[nn.Conv2d, torch.Size, Tensor]] = {}
    uses: Counter[nn.Module] = Counter()
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d, torch.Size]] = []

    def before(module: nn.Module, inputs: tuple[Tensor]) -> None:
        uses[module] += 1
        if isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made:
            convolution, shape, _ = made[id(inputs[0])]
            pairs.append((convolution, module, shape))

    def after(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module, inputs[0].shape, output  # held, so that ids stay unique

    hooks = []
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(before))
            hooks.append(module.register_forward_hook(after))
    backbone(probe)
    for hook in hooks:
        hook.remove()
    return [pair for pair in pairs if uses[pair[0]] == uses[pair[1]] == 1]


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    assert norm.running_mean is not None and norm.running_var is not None
    folded = copy.deepcopy(convolution)
    folded.weight, folded.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return folded


def _centred(convolution: nn.Conv2d, shape: torch.Size) -> nn.Conv2d:
    """A stride-2 convolution with TensorFlow's one-sided padding, without the padded copy.

    On an even side, one row more below than above equals a kernel with an empty first row, padded
    alike on both sides.
    """
    side = convolution.kernel_size[0]
    one_sided = type(convolution).__name__ == "Conv2dSame"  # timm's; not worth importing timm for
    square = convolution.kernel_size == (side, side) and side % 2 == 1
    even = shape[-1] % 2 == 0 and shape[-2] % 2 == 0
    halving = convolution.stride == (2, 2) and convolution.dilation == (1, 1)
    if not (one_sided and square and even and halving):
        return convolution
    centred = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        side + 1,
        stride=2,
        padding=side // 2,
        groups=convolution.groups,
    ).requires_grad_(False)
    kernel = functional.pad(convolution.weight, (1, 0, 1, 0))
    centred.weight.data = kernel.contiguous(memory_format=torch.channels_last)
    centred.bias = convolution.bias
    return centred


def _merge_adapters(backbone: nn.Module) -> None:
    for parent, name, module in _places(backbone):
        if _is_adapted(module):
            module.merge()  # type: ignore[operator]
            setattr(parent, name, module.get_base_layer())  # type: ignore[operator]


def _is_adapted(module: nn.Module) -> bool:
    return hasattr(module, "get_base_layer") and hasattr(module, "merge")


def _places(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    return [
        (parent, name, child)
        for parent in list(module.modules())
        for name, child in list(parent.named_children())
    ]


def _close(features: Tensor, wanted: Tensor) -> bool:
    scale = float(wanted.abs().max().clamp_min(1e-12))
    return float((features - wanted).abs().max()) <= _TOLERANCE * scale
