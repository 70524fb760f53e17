import pytest

from kit import pause


def test_without_a_step_nothing_happens():
    assert pause.here("somewhere") is None


def test_the_first_who_comes_takes_the_step():
    came = []

    def step():
        came.append("step")
        pause.here("there")  # whoever is called in it walks through

    with pause.at("there", step):
        pause.here("elsewhere")
        pause.here("there")
        pause.here("there")
    pause.here("there")

    assert came == ["step"]


def test_each_one_takes_it_when_asked_to():
    came = []

    with pause.at("there", lambda: came.append("step"), is_each=True):
        pause.here("there")
        pause.here("there")

    assert came == ["step"] * 2


def test_a_place_where_nobody_comes_is_told():
    with pytest.raises(AssertionError, match="nobody came to 'nowhere'"), pause.at("nowhere", int):
        pass


def test_a_step_that_fails_is_the_verbs_failure():
    def dies():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pause.at("there", dies):
        pause.here("there")
    pause.here("there")
