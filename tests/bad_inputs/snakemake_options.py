"""Bad values of ``snakemake --config``."""

from bad_inputs.cases import Call, cases

CASES, bad = cases("`snakemake --config`")

_OPTIONS = {
    "no data set": ("dataset=", "dataset", "None"),
    "a list that ends in a comma": ("dataset=TINY,", "dataset", "'TINY,'"),
    "a data set outside the root": ("dataset=../x", "dataset", "'../x'"),
    "a data set that is a command": ("dataset='a;touch canary'", "dataset", "'a;touch canary'"),
    "a list of data sets in brackets": ("dataset=[TINY]", "dataset", "['TINY']"),
    "no seeds": ("seeds=", "seeds", "None"),
    "0 seeds": ("seeds=0", "seeds", "0"),
    "-1 seeds": ("seeds=-1", "seeds", "-1"),
    "99999999999 seeds": ("seeds=99999999999", "seeds", "99999999999"),
    "half a seed": ("seeds=2.5", "seeds", "2.5"),
    "seeds as a word": ("seeds=three", "seeds", "'three'"),
    "true seeds": ("seeds=true", "seeds", "'true'"),
    "a misspelt key": ("seed=3", "--config", "seed"),
    "no folder of runs": ("runs=", "runs"),
    "braces in the folder of reports": ("report=a{x}", "report", "a{x}"),
    "the home of nobody": ("report=~nobody-here/x", "report", "'~nobody-here/x'"),
    "a file as folder of reports": ("report=clip.npy", "report", "clip.npy"),
    "a file as folder of runs": ("runs=clip.npy/runs", "runs", "clip.npy"),
    "a list as folder of runs": ("runs=[a,b]", "runs", "['a', 'b']"),
}


def _make(text: str):
    def make(world):
        import shlex

        from snakemake.cli import parse_config

        from zslcore.study.running.snakemake_config import study_config

        return Call(text, lambda: study_config(parse_config(shlex.split(text))))

    return make


for _what, (_text, *_says) in _OPTIONS.items():
    bad(_what, *_says)(_make(_text))
