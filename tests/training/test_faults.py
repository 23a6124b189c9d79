from training.faults import FAULTS, FaultTail, read_faults, restarts, tell


def test_what_is_told_is_read_in_order_and_once(tmp_path):
    tell(tmp_path, "started", "2 workers from the start", epoch=0, workers=2)
    tail = FaultTail(tmp_path, skip=True)
    tell(tmp_path, "disk_full", "the disk is full")
    tell(tmp_path, "started", "2 workers from epoch 3 on", epoch=2, workers=2)
    assert [fault.kind for fault in tail.read()] == ["disk_full", "started"]
    assert tail.read() == []
    first, _, last = read_faults(tmp_path)
    assert first.facts == {"epoch": 0, "workers": 2}
    assert first.time <= last.time
    assert restarts(tmp_path) == 1


def test_a_torn_line_spoils_only_itself(tmp_path):
    tell(tmp_path, "started", "one")
    with (tmp_path / FAULTS).open("a") as file:
        file.write('{"kind": "star\n')
    tell(tmp_path, "stopped", "two")
    assert [fault.text for fault in read_faults(tmp_path)] == ["one", "two"]
    with (tmp_path / FAULTS).open("a") as file:
        file.write('{"kind": "sta')
    assert len(read_faults(tmp_path)) == 2


def test_no_file_is_no_fault(tmp_path):
    assert read_faults(tmp_path) == []
    assert restarts(tmp_path) == 0
