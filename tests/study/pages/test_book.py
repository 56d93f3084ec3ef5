"""The book of a study: its first page says what the tables say, and Sphinx builds it without a warning."""

import re
import shutil

import nbformat
import pandas as pd
import pytest

from zslcore import InputError
from zslcore.study.checkout import root
from zslcore.study.pages import book
from zslcore.study.pages.book import build_book
from zslcore.study.pages.first_page import answer, clean_rows, differences_figure, first_page
from zslcore.study.pages.map_pages import readme_figure
from zslcore.study.pages.results_page import results_page

ROOT = root()


def stored(dataset, name):
    return pd.read_csv(ROOT / "results" / dataset / f"{name}.csv")


def differences(**intervals):
    rows = [(name, "mse_matched", (low + high) / 2, low, high) for name, (low, high) in intervals.items()]
    return pd.DataFrame(rows, columns=["measure", "against", "difference", "low", "high"])


@pytest.mark.parametrize(
    ("t1", "h", "theil", "expected"),
    [
        (
            (-1, 1),
            (-1, 1),
            (-1, 1),
            "**No significant difference in accuracy was found between ReMSE and an MSE with the same effective λ.**",
        ),
        (
            (1, 2),
            (-1, 1),
            (-2, -1),
            "**ReMSE has a higher T1 than an MSE with the same effective λ. Its errors are more even.**",
        ),
        (
            (1, 2),
            (-2, -1),
            (1, 2),
            "**ReMSE has a higher T1 and a lower H than an MSE with the same effective λ. Its errors are less even.**",
        ),
    ],
)
def test_answer_follows_the_intervals(t1, h, theil, expected):
    assert answer(differences(T1=t1, H=h, test_seen_theil=theil))[0] == expected


def test_accuracies_that_never_differ_are_called_equal():
    lines = answer(differences(T1=(0, 0), H=(-1, 2), test_seen_theil=(-2, -1)))
    assert [line.rsplit(": ", 1)[-1] for line in lines if line.startswith("- ")] == [
        "equal in every seed.",
        "inconclusive.",
        "more even.",
    ]


def test_a_data_set_without_a_matched_mse_is_compared_with_the_plain_one():
    frame = differences(T1=(1, 2), H=(1, 2), test_seen_theil=(1, 2)).assign(against="mse")
    assert "an MSE with the same λ" in answer(frame)[0]


def test_a_run_of_other_seeds_stands_beside_the_committed_one():
    full = stored("SYNTH", "results")
    *rows, eszsl, sae = clean_rows(full[full["seed"] < 3], full)
    assert [row[0] for row in rows[1::2]] == ["(committed)"] * 6
    assert [*(row[1:] for row in rows[1::2]), eszsl[1:], sae[1:]] == [row[1:] for row in clean_rows(full)]
    assert {row[-1] for row in rows[::2]} == {"3"}
    assert [eszsl[0], eszsl[-1], sae[0], sae[-1]] == ["ESZSL", "1", "SAE", "1"]  # no seed: the same run
    assert clean_rows(full, full) == clean_rows(full)


def test_first_page_holds_answer_table_figure_and_origin():
    page = first_page(
        stored("SYNTH", "results"),
        stored("SYNTH", "differences"),
        stored("SYNTH", "results"),
        committed=["04_train"],
        commit="abc1234",
        day="2026-01-31",
    )
    places = [page.index(text) for text in ("**No significant", "| method |", "![ReMSE minus", "## How this was made")]
    assert places == sorted(places)
    for text in (
        "`make study DATASET=SYNTH SEEDS=5`",
        "`abc1234`",
        "2026-01-31",
        "AMD EPYC",
        "0, 1, 2, 3, 4",
        "04_train",
    ):
        assert text in page


def test_results_page_is_generated_from_the_tables():
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == results_page()


def test_readme_figure_is_drawn_from_the_tables_byte_for_byte(tmp_path):
    drawn = readme_figure(tmp_path)
    assert drawn.read_bytes() == (ROOT / "results" / drawn.name).read_bytes()
    assert b"make figures" in drawn.read_bytes()


def test_a_folder_without_tables_is_named(tmp_path):
    with pytest.raises(InputError, match=r"must hold the results\.csv"):
        build_book(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The book of a small study: one notebook run again, three seeds."""
    folder = tmp_path_factory.mktemp("a study")
    results = stored("SYNTH", "results")
    results[results["seed"] < 3].to_csv(folder / "results.csv", index=False)
    shutil.copy(ROOT / "results" / "SYNTH" / "differences.csv", folder)
    cells = [
        nbformat.v4.new_markdown_cell("# 05 · Run again\n\nSee [training](04_train.ipynb) and $x^2$."),
        nbformat.v4.new_code_cell("1 + 1", outputs=[nbformat.v4.new_output("execute_result", {"text/plain": "2"})]),
        nbformat.v4.new_code_cell(
            "slider", outputs=[nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})]
        ),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "05_results.ipynb")
    return build_book(folder)


def test_the_book_holds_all_pages(built):
    assert built.name == "index.html"
    pages = {path.stem for path in built.parent.rglob("*.html")}
    assert pages >= {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert pages >= {path.stem for path in (ROOT / "docs").glob("*.md")} | {"CONTRIBUTING", "CHANGELOG"}
    index = built.read_text(encoding="utf-8")
    assert "committed" in index
    assert "05_results" not in index.split("not run again")[1].split("</p>")[0]


def test_code_is_folded_and_widgets_are_left_out(built):
    page = (built.parent / "notebooks" / "05_results.html").read_text(encoding="utf-8")
    assert "Run again" in page
    assert page.count("<details") == 2
    assert "widget" not in page


def test_the_book_is_readable_offline(built):
    """No page loads a script, a style or a picture from the network."""
    loaded = re.compile(r'<(?:script|img)[^>]+src="(https?:)?//|<link[^>]+stylesheet[^>]+href="(https?:)?//')
    for path in built.parent.rglob("*.html"):
        assert not loaded.search(path.read_text(encoding="utf-8")), path.name
    formulas = (built.parent / "docs" / "formulas.html").read_text(encoding="utf-8")
    assert 'src="../_static/tex-svg.js' in formulas
    assert (built.parent / "_static" / "tex-svg.js").stat().st_size > 1e6


def test_a_broken_link_is_an_error(tmp_path, monkeypatch):
    for name in ("results", "differences"):
        stored("SYNTH", name).to_csv(tmp_path / f"{name}.csv", index=False)

    def one_page(folder, source, results, differences):
        source.mkdir()
        (source / "index.md").write_text("# Title\n\n[gone](nowhere.md)\n")

    monkeypatch.setattr(book, "_collect", one_page)
    with pytest.raises(InputError, match=r"nowhere\.md"):
        build_book(tmp_path)


def test_the_figure_shows_three_measures_of_each_data_set():
    """T1, H and the Theil index; AUSUC is in the tables."""
    figure = differences_figure({name: stored(name, "differences") for name in ("CUB100", "SYNTH")})
    assert [axis.get_title().split()[0] for axis in figure.axes] == ["T1", "H", "Theil"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["CUB100", "SYNTH"]
