"""The names that a model can have."""

from __future__ import annotations

import pytest

from model_names import DEFAULT, fault


@pytest.mark.parametrize("name", [DEFAULT, "helmets", "yolo-seg", "Plates_2", "7", "a" * 63])
def test_letters_digits_dashes_and_underscores_are_a_name(name):
    assert fault(name) is None


@pytest.mark.parametrize("name", ["", "-a", "_a", "a.b", "a/b", "a b", "é", "a\n", "..", "a" * 64])
def test_another_form_is_refused_with_the_fix(name):
    assert "use letters, digits, '-' and '_'" in (fault(name) or "")


@pytest.mark.parametrize("name", ["models", "Routing", "ALL", "best", "v2"])
def test_a_word_with_a_meaning_of_its_own_is_refused(name):
    assert "Choose another" in (fault(name) or "")
