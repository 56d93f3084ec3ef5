"""Spellings of class names, and lists of classes that are called by numbers."""

import pytest

from zslcore.data.class_names import class_finder
from zslcore.data.class_table import class_choice

DIGITS = [str(number) for number in range(43)]


@pytest.mark.parametrize(
    ("names", "given", "found"),
    [
        (["7-spot ladybird", "owl"], "14-spot ladybird", None),
        (["7-spot ladybird", "14-spot ladybird"], "14_spot_ladybird", 1),
        (["7-spot ladybird", "14-spot ladybird"], "spot ladybird", None),
        (["1 cent", "2 cent"], "1_cent", 0),
        (["737-200", "747-500"], "737_200", 0),
        (["737-200", "747-500"], "747-200", None),
        (["バス", "owl"], "ハス", None),
        (["काला", "owl"], "कोला", None),
        (["กา", "กี"], "001.กา", 0),
        (["mésange", "owl"], "Mesange", 0),
        (["001.Owl", "002.Auk"], "2.auk", 1),
        (["001.Owl", "002.Auk"], "auk", 1),
        (["owl", "2 owl"], "2_owl", 1),
        (["0", "1"], "00001", 1),
        (["0", "00"], "000", None),
        (["owl", "+"], "-", None),
        (["owl", "auk"], "9" * 5000 + " auk", 1),
    ],
)
def test_another_spelling_is_found_and_another_name_is_not(names, given, found):
    assert class_finder(names)(given) == found


@pytest.mark.parametrize(
    ("text", "chosen"), [("3,5", [3, 5]), ("1,3,5", [1, 3, 5]), ("3,", [3]), ("35, ", [35]), ("7, 007", [7])]
)
def test_numbers_that_are_names_are_told_apart_by_commas(text, chosen):
    assert class_choice("unseen", text, DIGITS) == chosen


def test_a_number_alone_is_the_number_of_classes():
    with pytest.warns(UserWarning, match=r"^unseen is a number of classes; for the class '3' write '3,'$"):
        assert class_choice("unseen", "3", DIGITS) == 3
    assert class_choice("unseen", "3", ["owl"]) == 3


@pytest.mark.parametrize("text", ["owl, barn", "Owl,barn", "1. owl, barn"])
def test_a_name_may_hold_a_comma(text):
    assert class_choice("unseen", text, ["auk", "owl, barn"]) == [1]
