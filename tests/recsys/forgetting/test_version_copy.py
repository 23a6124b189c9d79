"""What a service writes to a version while it is copied is in the copy afterwards."""

from pathlib import Path

import numpy as np

from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.forgetting.version_copy import VersionCopy
from recsys.milvus import Milvus
from recsys.versions import Names, Target
from tests.recsys.world import open_store, publish, unit_rows

COUNT = 30


def test_writes_to_the_old_version_come_along(tmp_path: Path) -> None:
    posts = [Post(f"post/{n}", "ann", language="de") for n in range(COUNT)]
    rows = unit_rows(COUNT + 4)
    with open_store(tmp_path) as store:
        version = publish(store, "1", dict(zip(posts, rows, strict=False)), {"ann": rows[0]})
        milvus, writes = Milvus(IndexConfig(), tmp_path), iter(range(100))

        def meanwhile() -> None:
            """When the posts are copied, the last of the four collections with rows."""
            if next(writes) != 3:
                return
            fresh = [posts[3], Post("post/new", "bob")]
            store.put(version, fresh, {Target.POSTS: rows[COUNT : COUNT + 2]})
            store.remove(Target.POSTS, ["post/5"])

        copying = VersionCopy(milvus, Names("commonspace"), meanwhile)
        new = copying.replace(version, lambda part, row: row["id"] != "post/7")
        store.forget()
        view = store.live()
        assert view.version == new and store.versions() == [new]
        found = view.fetch(Target.POSTS, [post.post_id for post in posts] + ["post/new"])
        assert set(found) == {p.post_id for p in posts} - {"post/5", "post/7"} | {"post/new"}
        assert np.array_equal(found["post/3"], rows[COUNT])
        assert np.array_equal(found["post/new"], rows[COUNT + 1])
        assert np.array_equal(found["post/4"], rows[4])
        assert view.count(Target.IMAGES) == COUNT - 1 and view.count(Target.USERS) == 1
        milvus.close()


def test_writes_to_the_copy_are_not_written_over(tmp_path: Path) -> None:
    posts = [Post(f"post/{n}", "ann") for n in range(3)]
    rows = unit_rows(8)
    with open_store(tmp_path) as store:
        version = publish(store, "1", dict(zip(posts, rows, strict=False)))
        milvus = Milvus(IndexConfig(), tmp_path)

        class Interrupted(VersionCopy):
            def _catch_up(self, part, old, new, kept, copied) -> None:
                if part == Target.POSTS:
                    store.put(old, posts[:2], {Target.POSTS: rows[4:6]})
                    store.put(new, posts[:1], {Target.POSTS: rows[6:7]})
                super()._catch_up(part, old, new, kept, copied)

        Interrupted(milvus, Names("commonspace"), lambda: None).replace(version, lambda *_: True)
        store.forget()
        found = store.live().fetch(Target.POSTS, [post.post_id for post in posts])
        assert np.array_equal(found["post/0"], rows[6])
        assert np.array_equal(found["post/1"], rows[5])
        assert np.array_equal(found["post/2"], rows[2])
        milvus.close()
