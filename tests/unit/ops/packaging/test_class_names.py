import pytest

from ops.packaging.export import class_name


@pytest.mark.parametrize(
    ("trained", "packaged"),
    [
        ("person", "person"),
        (" person\r", "person"),
        ('"stop sign"', "stop sign"),
        ("'stop sign'\r\n", "stop sign"),
        ('" person "', "person"),
        ("light, red", "light, red"),
        ("driver's", "driver's"),
        ('19"', '19"'),
        (5, "5"),
        ('""', '""'),
    ],
)
def test_what_a_file_of_names_left_at_the_ends_is_removed(trained, packaged):
    assert class_name(trained) == packaged
