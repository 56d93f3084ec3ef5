"""Bad files of settings, in JSON and YAML."""

import os

from bad_inputs.cases import World, cases

CASES, bad = cases("Configuration files")

_CONTENTS = {
    "an empty file": ("c.yml", "", "c.yml"),
    "an empty JSON file": ("c.json", "", "c.json"),
    "text": ("c.yml", "train please", "c.yml"),
    "a list": ("c.yml", "- dataset\n- TINY\n", "c.yml"),
    "a number": ("c.json", "3", "c.json"),
    "half a JSON file": ("c.json", '{"dataset": "TI', "c.json"),
    "YAML in a JSON file": ("c.json", "dataset: TINY\n", "c.json"),
    "a JSON file with a comment": ("c.json", '{"dataset": "TINY"} // mine', "c.json"),
    "a tab in YAML": ("c.yml", "dataset: TINY\n\tlam: 1\n", "c.yml"),
    "unbalanced quotes in YAML": ("c.yml", 'dataset: "TINY\n', "c.yml"),
    "two documents in YAML": ("c.yml", "dataset: TINY\n---\ndataset: CUB\n", "c.yml"),
    "an unknown alias in YAML": ("c.yml", "dataset: *name\n", "c.yml"),
    "a key twice in YAML": ("c.yml", "dataset: TINY\nlam: 1\nlam: 2\n", "c.yml", "'lam'"),
    "a key twice in JSON": ("c.json", '{"dataset": "TINY", "lam": 1, "lam": 2}', "c.json", "'lam'"),
    "a key twice in an inner object": (
        "c.json",
        '{"dataset": "TINY", "loss": "huber", "loss_options": {"delta": 1, "delta": 2}}',
        "c.json",
        "'delta'",
    ),
    "no data set": ("c.yml", "lam: 1\n", "c.yml", "'dataset'"),
    "a misspelt setting": ("c.yml", "dataset: TINY\nlambda: 1\n", "c.yml", "'lambda'"),
    "a number as name of a setting": ("c.yml", "dataset: TINY\n3: 1\n", "c.yml", "3"),
    "a list as name of a setting": ("c.yml", "dataset: TINY\n? [1, 2]\n: 1\n", "c.yml"),
    "text for an integer": ("c.json", '{"dataset": "TINY", "epochs": "3"}', "c.json", "epochs", "'3'"),
    "a fraction for an integer": ("c.yml", "dataset: TINY\nepochs: 2.5\n", "c.yml", "epochs", "2.5"),
    "true for an integer": ("c.yml", "dataset: TINY\nepochs: true\n", "c.yml", "epochs", "True"),
    "1 for true": ("c.yml", "dataset: TINY\nfine_tune: 1\n", "c.yml", "fine_tune", "1"),
    "nothing for a number": ("c.yml", "dataset: TINY\nlr:\n", "c.yml", "lr", "None"),
    "NaN in YAML": ("c.yml", "dataset: TINY\nlr: .nan\n", "c.yml", "lr", "nan"),
    "NaN in JSON": ("c.json", '{"dataset": "TINY", "lr": NaN}', "c.json", "lr", "nan"),
    "infinity in JSON": ("c.json", '{"dataset": "TINY", "lam": 1e999}', "c.json", "lam", "inf"),
    "an integer of 400 digits": ("c.json", f'{{"dataset": "TINY", "lr": {"9" * 400}}}', "c.json", "lr", "999"),
    "an integer of 5000 digits": ("c.json", f'{{"dataset": "TINY", "lr": {"9" * 5000}}}', "c.json"),
    "an integer of 5000 digits in YAML": ("c.yml", f"dataset: TINY\nlr: {'9' * 5000}\n", "c.yml"),
    "1e12 episodes": ("c.yml", "dataset: TINY\nepisodes: 1000000000000\n", "c.yml", "episodes", "1000000000000"),
    "a list for a number": ("c.yml", "dataset: TINY\nlam: [1, 2]\n", "c.yml", "lam", "[1, 2]"),
    "a date as data set": ("c.yml", "dataset: 2024-01-01\n", "c.yml", "dataset", "2024"),
    "an impossible date": ("c.yml", "dataset: 2024-13-77\n", "c.yml"),
    "a data set outside the root": ("c.yml", "dataset: ../TINY\n", "c.yml", "'../TINY'"),
    "NUL in the weights": ("c.json", '{"dataset": "TINY", "weights": "a\\u0000b"}', "c.json", "weights", "'a\\x00b'"),
    "half a character": ("c.json", '{"dataset": "\\ud800"}', "c.json", "dataset"),
    "a Python object in YAML": ("c.yml", "!!python/object/apply:os.system ['touch canary']\n", "c.yml", "python"),
    "a Python name in YAML": ("c.yml", "dataset: !!python/name:os.system\n", "c.yml", "python"),
    "ten thousand brackets in JSON": ("c.json", "[" * 10_000, "c.json"),
    "ten thousand brackets in YAML": ("c.yml", "[" * 10_000, "c.yml"),
    "a billion laughs in YAML": (
        "c.yml",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi")),
        "c.yml",
        "'a'",
    ),
    "loss options that are text": ("c.yml", "dataset: TINY\nloss_options: delta\n", "c.yml", "loss_options", "'delta'"),
    "a number as name of a loss option": ("c.yml", "dataset: TINY\nloss: huber\nloss_options: {1: 2}\n", "c.yml", "1"),
    "NaN as a loss option": ("c.yml", "dataset: TINY\nloss: huber\nloss_options: {delta: .nan}\n", "c.yml", "delta"),
}


def _write(name: str, content: str):
    def make(world: World) -> list[str]:
        (world / name).write_text(content, encoding="utf-8")
        return ["train", name]

    return make


for _what, (_name, _content, *_says) in _CONTENTS.items():
    bad(_what, *_says)(_write(_name, _content))


@bad("a file that is missing", "no.yml")
def _(world):
    return ["train", "no.yml"]


@bad("a folder", "data")
def _(world):
    return ["train", "data"]


@bad("a file that is no text", "c.json")
def _(world):
    (world / "c.json").write_bytes(b"\xff\xfe\x00")
    return ["train", "c.json"]


@bad("a named pipe", "c.yml")
def _(world):
    os.mkfifo(world / "c.yml")
    return ["train", "c.yml"]


@bad("an endless device", "/dev/zero")
def _(world):
    return ["train", "/dev/zero"]


@bad("a file of 4 GB", "c.yml")
def _(world):
    with open(world / "c.yml", "wb") as file:
        file.truncate(4 << 30)
    return ["train", "c.yml"]


@bad("a setting of the file changed to a bad one", "epochs", "'x'")
def _(world):
    (world / "c.yml").write_text("dataset: TINY\n")
    return ["train", "c.yml", "-s", "epochs=x"]
