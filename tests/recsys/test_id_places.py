import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.id_places import IdPlaces

ids = st.lists(st.text("ab:/9", min_size=1, max_size=6), unique=True, max_size=40)


@given(ids, ids)
def test_places_are_those_of_a_dictionary(known: list[str], asked: list[str]) -> None:
    place = {id: at for at, id in enumerate(known)}
    found = IdPlaces.of(np.array(known, dtype=np.str_)).find(asked)
    assert found.tolist() == [place.get(id, -1) for id in asked]
