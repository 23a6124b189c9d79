import numpy as np
from scipy import sparse

from training.interests.coherence import chance_deviation, coherence


def world(seed: int = 0):
    random = np.random.default_rng(seed)
    author = random.integers(0, 9, 60)
    vectors = random.standard_normal((60, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    holds = sparse.csr_matrix((random.random((60, 8)) < 0.2).astype(np.float32))
    return holds, author, vectors


def slow(holds, author, vectors) -> np.ndarray:
    people = [np.flatnonzero(author == person) for person in np.unique(author)]
    middle = np.mean([vectors[posts].mean(axis=0) for posts in people], axis=0)
    centred = vectors - middle
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found = []
    for term in holds.toarray().T:
        means = [centred[p[term[p] > 0]].mean(axis=0) for p in people if term[p].any()]
        pairs = [a @ b for i, a in enumerate(means) for j, b in enumerate(means) if i != j]
        found.append(np.mean(pairs) if pairs else np.nan)
    return np.array(found)


def test_it_equals_the_mean_over_pairs_of_people(monkeypatch) -> None:
    monkeypatch.setattr("training.interests.coherence._PAIRS_AT_ONCE", 7)
    holds, author, vectors = world()
    np.testing.assert_allclose(
        coherence(holds, author, vectors), slow(holds, author, vectors), 1e-4
    )


def test_one_person_alone_says_nothing() -> None:
    _, author, vectors = world()
    alone = sparse.csr_matrix((author == 2).astype(np.float32)[:, None])
    assert np.isnan(coherence(alone, author, vectors)).all()


def test_a_subject_is_more_coherent_than_grammar() -> None:
    random = np.random.default_rng(3)
    author = np.arange(200) % 20
    vectors = random.standard_normal((200, 6))
    subject = author < 6
    vectors[subject] += [3, 0, 0, 0, 0, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    everywhere = random.random(200) < 0.5
    holds = sparse.csr_matrix(np.stack([subject, everywhere], axis=1).astype(np.float32))
    about = coherence(holds, author, vectors)
    assert about[0] > 0.5
    assert abs(about[1]) < chance_deviation(author, vectors)


def test_chance_needs_two_people() -> None:
    assert chance_deviation(np.zeros(4, int), np.eye(4)) == 0
