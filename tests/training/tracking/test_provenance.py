import subprocess

from training.tracking.provenance import checkout_commit, installed_packages, platform_facts


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, text=True,
                          capture_output=True)  # fmt: skip
    return done.stdout.strip()


def test_the_commit_of_a_checkout(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert checkout_commit(package) is None
    git(tmp_path, "init", "-q")
    assert checkout_commit(package) is None  # not tracked: a wheel inside somebody's checkout
    git(tmp_path, "add", ".")
    assert checkout_commit(package) is None  # nothing is committed
    git(tmp_path, "commit", "-qm", "one")
    commit = checkout_commit(package)
    assert commit is not None
    assert commit.id == git(tmp_path, "rev-parse", "HEAD")
    assert not commit.dirty
    (package / "__init__.py").write_text("x = 1\n")
    commit = checkout_commit(package)
    assert commit is not None and commit.dirty


def test_the_environment():
    packages = installed_packages().splitlines()
    assert packages == sorted(packages, key=lambda line: line.split("==")[0])
    assert any(line.startswith("pyarrow==") for line in packages)
    assert set(platform_facts()) >= {"python", "system", "machine"}
