"""What the workers of a group decide together: which checkpoint, and whether they go on."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from training import checkpoint
from training.disk import DiskFull, write_patiently
from training.distributed import rank, world_size
from training.faults import read_faults, tell
from training.heartbeat import superseded


class Stopped(Exception):
    """All workers stop, agreed, without an error that Ray would answer with a restart."""


class Group:
    """One worker's part in the decisions; worker 0 makes them.

    Args:
        folder: of the run.
        token: of the driver that they work for.
        disk_patience_s: how long a full disk is waited for.
    """

    def __init__(self, folder: Path, token: str, disk_patience_s: float) -> None:
        self._folder, self._token, self._disk_patience_s = folder, token, disk_patience_s

    def go_on(self, *writes: Callable[[], object]) -> None:
        """Wait until all are here and worker 0 has written; called by all, equally often.

        Ray's broadcast has no timeout, as torch's has, so a full disk may be waited for; and it
        does not wait for the controller's look every two seconds, as `ray.train.report` does.

        Args:
            writes: what worker 0 writes, in order; each is called again while the disk is full.
        Raises: Stopped on all workers if another driver took over, or the disk stays full.
        """
        from ray.train.collective import broadcast_from_rank_zero

        reason = broadcast_from_rank_zero(self._written(writes)[:500] if rank() == 0 else "")
        if reason:
            raise Stopped(reason)

    def newest(self, checkpoints: Path) -> Path | None:
        """Worker 0's choice of the checkpoint, on all: two looks at a folder may differ."""
        import torch.distributed as dist

        box = [checkpoint.latest(checkpoints, self._tell_damage) if rank() == 0 else None]
        if world_size() > 1:
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def tell_start(self, epoch: int) -> None:
        """Write down that this group begins after `epoch` epochs."""
        if rank() == 0:
            who = "1 worker" if world_size() == 1 else f"{world_size()} workers"
            text = f"{who} from epoch {epoch + 1} on" if epoch else f"{who} from the start"
            tell(
                self._folder,
                "started",
                text,
                epoch=epoch,
                workers=world_size(),
                pid=os.getpid(),
                room=_room(),
            )

    def _written(self, writes: Sequence[Callable[[], object]]) -> str:
        """Why the group must stop, or nothing."""
        reason = superseded(self._folder, self._token)
        if reason:
            return reason
        try:
            for write in writes:
                write_patiently(write, self._folder, self._disk_patience_s, self._tell_disk)
        except DiskFull as error:
            return error.message
        return ""

    def _tell_disk(self, full: bool, text: str) -> None:
        tell(self._folder, "disk_full" if full else "disk_free", text)

    def _tell_damage(self, path: Path, wrong: str) -> None:
        text = f"checkpoint {path.name} is damaged, {wrong}: falling back to the one before"
        tell(self._folder, "damaged", text, checkpoint=path.name)


def free_room(folder: Path) -> None:
    """Give back what the newest group of workers held on the cluster; from the driver.

    What a dead controller had reserved stays reserved: Ray Train's own cleaner asks the dashboard
    whether the controller lives, and a Ray of one machine has none.
    """
    from ray import PlacementGroupID
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    groups = [fault.facts.get("room") for fault in read_faults(folder) if fault.kind == "started"]
    if groups and groups[-1]:
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(groups[-1])))


def _room() -> str:
    """The id of Ray's placement group that this worker is in; empty outside one."""
    from ray.util.placement_group import get_current_placement_group

    group = get_current_placement_group()
    return group.id.hex() if group is not None else ""
