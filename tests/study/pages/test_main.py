"""``python -m zslcore.study.pages``, which writes pages of the checkout."""

import pytest

from zslcore.study.pages import __main__ as pages


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["SYNTH"], 2)])
def test_nothing_is_written_for_words_that_it_does_not_take(monkeypatch, capsys, words, status):
    monkeypatch.setattr(pages, "readme_figure", lambda: pytest.fail("the pages are written"))
    with pytest.raises(SystemExit) as ended:
        pages.main(words)
    assert ended.value.code == status
    printed = capsys.readouterr()
    assert "usage: python -m zslcore.study.pages" in printed.out + printed.err
