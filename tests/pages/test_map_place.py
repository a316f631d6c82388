"""Laws of where the visitor looks on the map, as Python keeps it, and of strips of pictures."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest


def visited(steps: list[tuple[str, object]]) -> list:
    """What a session says of its place on the map after some calls of pages.state."""

    def script(steps: list) -> None:
        import streamlit as st

        from explorer.pages import state

        for name, value in steps:
            getattr(state, name)(value)
        st.session_state["seen"] = [state.map_place(), state.place_on_map()]

    test = AppTest.from_function(script, args=(steps,), default_timeout=30).run()
    assert not test.exception
    return test.session_state["seen"]


def test_the_place_that_the_browser_tells_is_kept_and_sends_the_map_nowhere():
    """What was told comes back as floats, and the serial, a change of which moves the map, stays."""
    place, told = visited([("select_study", "one"), ("keep_map_place", [1, -2.5, 80])])
    assert place == (1.0, -2.5, 80.0)
    assert told == {"serial": 0, "at": place}


def test_a_place_that_is_shown_moves_the_map_once_each_time():
    """Each showing has another serial, also of the same place."""
    once = visited([("select_study", "one"), ("show_map_place", (1, 2, 3))])[1]
    twice = visited([("select_study", "one"), ("show_map_place", (1, 2, 3)), ("show_map_place", (1, 2, 3))])[1]
    assert once["at"] == twice["at"] == (1.0, 2.0, 3.0)
    assert twice["serial"] > once["serial"]


def test_a_place_of_one_study_means_nothing_in_another():
    """After another study is chosen its whole map is shown."""
    steps = [("select_study", "one"), ("keep_map_place", [1, 2, 3]), ("select_study", "other")]
    assert visited(steps)[0] is None


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [1, 2],
        [1, 2, 0],
        [1, 2, -3],
        [1, 2, float("nan")],
        [float("inf"), 2, 3],
        [1, 2, "3"],
        "123",
        [1e30, 0, 1],
    ],
)
def test_what_is_no_place_stands_for_the_whole_map(told):
    """A browser can send anything; the map then shows all."""
    assert visited([("select_study", "one"), ("keep_map_place", [1, 2, 3]), ("keep_map_place", told)])[0] is None


class Sheets:
    """A study of which only the pictures are asked: row i is a flat picture of gray i."""

    n = 50
    version = "v"

    def thumbnail(self, row: int) -> np.ndarray:
        return np.full((4, 6, 3), row, dtype=np.uint8)


def strip_of(rows: str) -> np.ndarray:
    from types import SimpleNamespace

    from explorer.pages.strip import strip

    answer = strip(Sheets(), SimpleNamespace(query_params={"rows": rows}))
    return np.asarray(Image.open(BytesIO(answer.body)))


def test_a_strip_shows_the_pictures_asked_for_from_left_to_right():
    """Picture i of the strip is that of the i-th row asked for, also when one is asked for twice."""
    drawn = strip_of("7,3,49,3")
    assert drawn.shape == (4, 24, 3)
    assert drawn[:, ::6, 0].tolist() == [[7, 3, 49, 3]] * 4


@pytest.mark.parametrize("rows", ["", "50", "-1", "1,,2", "one", ",".join(["1"] * 33)])
def test_a_strip_that_cannot_be_drawn_is_refused_in_a_sentence(rows):
    """A stranger's rows are checked like any other."""
    from explorer.errors import SettingsError

    with pytest.raises(SettingsError):
        strip_of(rows)
