from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recsys.config import IndexConfig
from recsys.retention import outlived
from recsys.versions import Version

NOW = datetime.now(UTC)


@given(
    st.integers(1, 8),
    st.integers(0, 8),
    st.integers(2, 5),
    st.none() | st.floats(0.5, 40),
    st.dictionaries(st.integers(1, 8), st.floats(0, 50), max_size=8),
)
def test_the_live_version_and_the_one_before_it_stay_and_the_rest_by_count_and_age(
    count, replaced, keep, days, ages
):
    versions = [Version(build, "1") for build in range(count, 0, -1)]
    live = versions[0]
    before = next((one for one in versions[1:] if one.build == replaced), None)
    made = {one: NOW - timedelta(days=ages[one.build]) for one in versions if one.build in ages}
    config = IndexConfig(keep_versions=keep, keep_days=days)
    dropped = outlived(versions, live, before, made, config)
    kept = [one for one in versions if one not in dropped]
    assert len(dropped) == len(set(dropped)) and live in kept
    assert before is None or before in kept
    assert len(kept) <= max(keep, 1 + (before is not None))
    for one in kept:
        assert one in (live, before) or days is None or ages.get(one.build, 0) <= days + 1e-3
    if days is None:
        assert len(kept) == min(count, keep)  # and none too many is dropped
