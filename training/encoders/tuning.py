"""Which weights of a backbone learn: none, the last blocks, all, or low-rank adapters."""

import re

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.encoders.config import EncoderConfig
from training.errors import BadConfig

_NUMBERED = re.compile(r"^(\D+)(\d+)$")


def tune(backbone: nn.Module, config: EncoderConfig) -> None:
    """Set `requires_grad` by the configuration; with `lora`, put adapters in.

    Raises: BadConfig if the backbone has fewer blocks than asked for, or no place for adapters.
    """
    backbone.requires_grad_(config.tuning == "full")
    if config.tuning == "last_blocks":
        for parameter in _from_block(backbone, config):
            parameter.requires_grad_(True)
    elif config.tuning == "lora":
        _add_adapters(backbone, config)


def hold_still(backbone: nn.Module) -> None:
    """Put into evaluation mode whatever doesn't learn, and all batch normalisation.

    Statistics of a worker's small batch would differ between workers and between the two passes
    of a gradient cache; those of pretraining are better.
    """
    for module in backbone.modules():
        parameters = list(module.parameters())
        frozen = bool(parameters) and not any(p.requires_grad for p in parameters)
        if frozen or isinstance(module, _BatchNorm):
            module.eval()


def blocks_of(backbone: nn.Module) -> list[nn.Module]:
    """The backbone's repeated blocks, first to last.

    They are the children of the list that holds the most weights (`blocks`, `encoder.layer`,
    `features`, …), or the numbered siblings that do (`layer1` … `layer4`).
    """
    best: list[nn.Module] = []
    most = 0
    for module in backbone.modules():
        for group in _groups(module):
            weights = sum(p.numel() for block in group for p in block.parameters())
            if weights > most:
                best, most = group, weights
    return best


def _groups(module: nn.Module) -> list[list[nn.Module]]:
    children = [
        (name, child)
        for name, child in module.named_children()
        if next(child.parameters(), None) is not None
    ]
    if isinstance(module, nn.ModuleList | nn.Sequential):
        groups = [[child for _, child in children]]
    else:
        numbered: dict[str, list[nn.Module]] = {}
        for name, child in children:
            if match := _NUMBERED.match(name):
                numbered.setdefault(match[1], []).append(child)
        groups = list(numbered.values())
    return [group for group in groups if len(group) > 1]


def _from_block(backbone: nn.Module, config: EncoderConfig) -> list[nn.Parameter]:
    """The last blocks' parameters, and those that come after them: final norm, pooling, head."""
    blocks = blocks_of(backbone)
    if config.blocks > len(blocks):
        raise BadConfig(f"blocks is {config.blocks}, but {config.name!r} has {len(blocks)}")
    first = next(blocks[-config.blocks].parameters())
    parameters = list(backbone.parameters())
    start = next(i for i, parameter in enumerate(parameters) if parameter is first)
    return parameters[start:]


def _add_adapters(backbone: nn.Module, config: EncoderConfig) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    names = [name for name, module in backbone.named_modules() if _takes_adapter(module)]
    if not names:
        raise BadConfig(f"{config.name!r} has no layer that takes a low-rank adapter")
    adapters = LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules=names, bias="none"
    )
    inject_adapter_in_model(adapters, backbone)


def _takes_adapter(module: nn.Module) -> bool:
    """Linear layers, and the 1 x 1 convolutions that are the linear layers of a mobile network.

    Not their subclasses: `nn.MultiheadAttention` reads the weights of its own and would pass over
    an adapter in silence.
    """
    if type(module) is nn.Conv2d:
        return module.groups == 1 and module.kernel_size == (1, 1)
    return type(module) is nn.Linear
