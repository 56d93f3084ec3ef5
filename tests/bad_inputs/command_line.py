"""Bad words of the command line: commands, options, settings and parameters of notebooks."""

import shlex

from bad_inputs.cases import cases

CASES, bad = cases("Command line")
HUGE = "9" * 400
CUB = "train --dataset CUB"

_WORDS = {
    "unknown command": ("fly", "'fly'"),
    "no command": ("", "COMMAND"),
    "unknown command of data": ("data destroy", "'destroy'"),
    "no command of data": ("data", "COMMAND"),
    "unknown option": (f"{CUB} --fast", "--fast"),
    "abbreviated option": ("train --data CUB", "--data"),
    "abbreviated option of features import": ("features import clip clip.npy --data TINY", "--dataset"),
    "a missing argument": ("check", "NAME"),
    "two data sets to check": ("check TINY CUB", "CUB"),
    "neither file nor data set": ("train", "CONFIG"),
    "file and data set": ("train c.json --dataset CUB", "CONFIG"),
    "method of a file": ("train c.json --method mse", "--method"),
    "published settings of a file": ("train c.json --published resnet101", "--published"),
    "release of a file": ("train c.json --release 2023-09", "--release"),
    "release without the published settings": (f"{CUB} --release 2023-09", "--release"),
    "method of the published settings": (f"{CUB} --method mse --published resnet101", "--method"),
    "unknown method": (f"{CUB} --method rmse", "'rmse'"),
    "method without chosen options": (f"{CUB} --method sae", "'sae'"),
    "unknown published data set": ("train --dataset TINY --published resnet101", "'TINY'"),
    "unknown published backbone": (f"{CUB} --published resnet18", "'resnet18'"),
    "unknown release": (f"{CUB} --published resnet101 --release 2099", "'2099'"),
    "setting without value": (f"{CUB} -s epochs", "'epochs'"),
    "setting at the end": (f"{CUB} -s", "-s"),
    "setting twice": (f"{CUB} -s lr=1 -s lr=2", "'lr'"),
    "data set twice": (f"{CUB} -s dataset=SUN", "data set"),
    "misspelt setting": (f"{CUB} -s epoch=3", "'epoch'"),
    "unknown setting": (f"{CUB} -s colour=red", "'colour'"),
    "empty name of a setting": (f"{CUB} -s =3", "''"),
    "word for an integer": (f"{CUB} -s epochs=ten", "epochs", "'ten'"),
    "fraction for an integer": (f"{CUB} -s epochs=2.5", "epochs", "'2.5'"),
    "empty integer": (f"{CUB} -s epochs=", "epochs", "''"),
    "integer of 400 digits": (f"{CUB} -s epochs={HUGE}", "epochs", "9999"),
    "integer of 5000 digits": (f"{CUB} -s epochs={HUGE * 13}", "epochs", "9999"),
    "number of 400 digits": (f"{CUB} -s lr={HUGE}", "lr", "9999"),
    "NaN": (f"{CUB} -s lr=nan", "lr", "nan"),
    "infinity": (f"{CUB} -s lam=inf", "lam", "inf"),
    "hexadecimal number": (f"{CUB} -s epochs=0x10", "epochs", "0x10"),
    "negative learning rate": (f"{CUB} -s lr=-1", "lr", "-1"),
    "learning rate 0": (f"{CUB} -s lr=0", "lr", "0"),
    "momentum 1": (f"{CUB} -s momentum=1", "momentum", "1"),
    "1e12 episodes": (f"{CUB} -s episodes=1000000000000", "episodes", "1000000000000"),
    "1e12 episodes as a float": (f"{CUB} -s episodes=1e12", "episodes", "1e12"),
    "1e8 pixels": (f"{CUB} -s image_size=100000000", "image_size", "100000000"),
    "no pixels": (f"{CUB} -s image_size=0", "image_size", "0"),
    "a million ways": (f"{CUB} -s ways=1000000", "ways", "1000000"),
    "a hidden layer of 1e9": (f"{CUB} -s hidden=1000000000", "hidden", "1000000000"),
    "keys of size 1e9": (f"{CUB} -s network=attention -s key_dim=1000000000", "key_dim", "1000000000"),
    "resize ratio of a million": (f"{CUB} -s resize_ratio=1e6", "resize_ratio", "1000000"),
    "seed -1": (f"{CUB} -s seed=-1", "seed", "-1"),
    "seed of 2^63": (f"{CUB} -s seed={2**63}", "seed", str(2**63)),
    "class split -1": (f"{CUB} -s class_split=-1", "class_split", "-1"),
    "neither true nor false": (f"{CUB} -s standardize=yes", "standardize", "'yes'"),
    "unknown loss": (f"{CUB} -s loss=rmsee", "loss", "'rmsee'"),
    "unknown network": (f"{CUB} -s network=transformer", "network", "'transformer'"),
    "unknown backbone": (f"{CUB} -s backbone=resnet19", "backbone", "'resnet19'"),
    "unknown precision": (f"{CUB} -s precision=float8", "precision", "'float8'"),
    "unknown device": (f"{CUB} -s device=tpu", "device", "'tpu'"),
    "unknown sampling": (f"{CUB} -s sampling=all", "sampling", "'all'"),
    "unknown class vectors": (f"{CUB} -s attribute_vectors=raw", "attribute_vectors", "'raw'"),
    "unknown reference": (f"{CUB} -s reference=max", "reference", "'max'"),
    "quantile 1": (f"{CUB} -s reference=1", "reference", "'1'"),
    "exponents beyond the limit": ("train --dataset TINY -s ways=3 -s backbone=res101 -s p=90", "p + p2", "90"),
    "negative exponent": (f"{CUB} -s p=-0.1", "p must", "-0.1"),
    "no loss at all": (f"{CUB} -s loss=none -s lam_cls=0", "lam_cls", "0"),
    "image labels for another loss": (f"{CUB} -s targets=images -s loss=bmc", "targets", "'bmc'"),
    "image labels beside centred vectors": (f"{CUB} -s targets=images -s attribute_vectors=centred", "'centred'"),
    "image labels that are not there": ("train --dataset TINY -s targets=images -s backbone=res101", "TINY"),
    "standardised fine-tuning": (f"{CUB} -s fine_tune=true", "standardize"),
    "fine-tuning of stored features": (f"{CUB} -s fine_tune=true -s backbone=res101", "fine_tune", "'res101'"),
    "closed form of a hidden layer": (f"{CUB} -s loss=eszsl -s hidden=5", "'eszsl'", "hidden"),
    "loss options that are no JSON": (f"{CUB} -s loss_options={{delta}}", "loss_options", "{delta}"),
    "loss options that are a list": (f"{CUB} -s loss_options=[1]", "loss_options", "[1]"),
    "loss options that repeat a key": (f'{CUB} -s loss=huber -s loss_options={{"delta":1,"delta":2}}', "'delta'"),
    "ten thousand brackets": (f"{CUB} -s loss_options={'[' * 10_000}", "loss_options", "[[["),
    "unknown loss option": (f'{CUB} -s loss=huber -s loss_options={{"beta":1}}', "huber", "'beta'"),
    "loss option of another type": (f'{CUB} -s loss=huber -s loss_options={{"delta":"a"}}', "delta", "'a'"),
    "loss option of another sign": (f'{CUB} -s loss=sae -s loss_options={{"lam":-1}}', "lam", "-1"),
    "NaN as a loss option": (f'{CUB} -s loss=huber -s loss_options={{"delta":NaN}}', "delta", "nan"),
    "loss option of 400 digits": (f'{CUB} -s loss=huber -s loss_options={{"delta":{HUGE}}}', "delta", "999"),
    "a billion bins": (
        'train --dataset TINY -s ways=3 -s backbone=res101 -s loss=lds -s loss_options={"bins":1000000000}',
        "bins",
        "1000000000",
    ),
    "a kernel of infinite width": (
        'train --dataset TINY -s ways=3 -s backbone=res101 -s loss=lds -s loss_options={"kernel_width":1e400}',
        "kernel_width",
        "inf",
    ),
    "negative workers": (f"{CUB} --workers -3", "--workers", "-3"),
    "a million workers": (f"{CUB} --workers 1000000", "--workers", "1000000"),
    "workers that are no number": (f"{CUB} --workers many", "--workers", "'many'"),
    "more ways than classes": ("train --dataset TINY -s backbone=res101 -s ways=5", "ways", "5"),
    "more shots than images": ("train --dataset TINY -s backbone=res101 -s ways=3 -s shots=9", "shots", "9"),
    "a size that the backbone cannot take": (
        "check TINY -s ways=3 -s backbone=vit_b_16 -s image_size=32",
        "vit_b_16",
        "32",
    ),
    "an image smaller than the stride": ("check TINY -s ways=3 -s backbone=resnet18 -s image_size=8", "resnet18", "8"),
    "a crop larger than the image": (
        "check TINY -s ways=3 -s backbone=resnet18 -s resize_ratio=0.5",
        "resize_ratio",
        "0.5",
    ),
    "word vectors that are missing": (
        "train --dataset TINY -s backbone=res101 -s ways=3 -s network=gem -s word_vectors=no.npy",
        "no.npy",
    ),
    "a folder as word vectors": (
        "train --dataset TINY -s backbone=res101 -s ways=3 -s network=gem -s word_vectors=data",
        "data",
    ),
    "weights that are missing": (
        "train --dataset TINY -s backbone=resnet18 -s ways=3 -s weights=no.pth",
        "weights",
        "'no.pth'",
    ),
    "a folder as weights": ("train --dataset TINY -s backbone=resnet18 -s ways=3 -s weights=data", "weights", "'data'"),
    "unknown data set": ("check CUBS", "'CUBS'"),
    "unknown data set to train on": ("train --dataset CUBS", "'CUBS'"),
    "data set outside the root": ("check ../outside", "'../outside'"),
    "data set to train on outside the root": ("train --dataset ../../x", "'../../x'"),
    "absolute path as data set": ("train --dataset /etc", "'/etc'"),
    "data set with a slash": ("features TINY/", "'TINY/'"),
    "hidden data set": ("train --dataset .hidden", "'.hidden'"),
    "empty data set": ("check ''", "''"),
    "data set with a semicolon": ("train --dataset 'a;touch canary'", "a;touch canary"),
    "name of 500 letters": (f"train --dataset {'a' * 500}", "aaaa"),
    "baselines of an unknown data set": ("baselines CUBS", "'CUBS'"),
    "features of an unknown data set": ("features CUBS", "'CUBS'"),
    "word as seed of a data set": ("data make birds birds.csv --name NEW --seed one", "--seed", "'one'"),
    "negative seed of a data set": ("data make birds birds.csv --name NEW --seed -1", "seed", "-1"),
    "test share of 1": ("data make birds birds.csv --name NEW --test-share 1", "test_share", "1"),
    "test share NaN": ("data make birds birds.csv --name NEW --test-share nan", "test_share", "nan"),
    "name with a slash": ("data make birds birds.csv --name a/b", "'a/b'"),
    "reserved name": ("data make birds birds.csv --name SYNTH", "'SYNTH'"),
    "name of 300 letters": (f"data make birds birds.csv --name {'n' * 300}", "nnn"),
    "name of a data set that exists": ("data make birds birds.csv --name TINY", "TINY"),
    "more unseen classes than classes": ("data make birds birds.csv --name NEW --unseen 50", "unseen", "50"),
    "unseen class that is none": ("data make birds birds.csv --name NEW --unseen ostrich", "unseen", "'ostrich'"),
    "unseen class that is a validation class": (
        "data make birds birds.csv --name NEW --unseen lark --val lark",
        "'lark'",
    ),
    "unseen number of 400 digits": (f"data make birds birds.csv --name NEW --unseen {HUGE}", "unseen", "999"),
    "unseen number of 5000 digits": (f"data make birds birds.csv --name NEW --unseen {HUGE * 13}", "unseen", "999"),
    "unknown way to place images": ("data make birds birds.csv --name NEW --images move", "'move'"),
    "a file as root": ("data make birds birds.csv --name NEW --root clip.npy", "clip.npy"),
    "no source": ("data make nowhere birds.csv --name NEW", "nowhere"),
    "no table": ("data make birds nowhere.csv --name NEW", "nowhere.csv"),
    "subset of no class": ("data subset TINY --name NEW --classes 0", "classes", "0"),
    "subset of one class": ("data subset TINY --name NEW --classes lark", "classes", "val"),
    "subset of size 0": ("data subset TINY --name NEW --size 0", "size", "0"),
    "subset of size 1e9": ("data subset TINY --name NEW --size 1000000000", "size", "1000000000"),
    "squares without size": ("data subset TINY --name NEW --square", "square"),
    "links to resized images": ("data subset TINY --name NEW --size 8 --images symlink", "'symlink'"),
    "boxes that are missing": ("data subset TINY --name NEW --boxes boxes.txt", "images.txt"),
    "book of no folder": ("book nowhere", "nowhere"),
    "book of the home of nobody": ("book ~nobody-here/x", "~nobody-here"),
    "home of nobody as configuration": ("train ~nobody-here/c.json", "~nobody-here"),
    "unknown notebook": ("run 99_nothing", "'99_nothing'"),
    "a notebook that several names fit": ("run 0", "'0'"),
    "a folder as notebook": ("run data", "'data'"),
    "parameters of an unknown notebook": ("params 99_nothing", "'99_nothing'"),
    "misspelt parameter": ("run 04_train -p methods mse", "'methods'"),
    "parameter twice": ("run 04_train -p seed 1 -p seed 2", "'seed'"),
    "parameter without value": ("run 04_train -p seed", "'seed'"),
    "word for a number": ("run 04_train -p seed one", "seed", "'one'"),
    "seed of 400 digits in a notebook": (f"run 04_train -p seed {HUGE}", "seed", "999"),
    "method of no study": ("run 04_train -p method rmse", "'rmse'"),
    "data set that is not there": ("run 04_train -p dataset nope", "'nope'"),
    "data set of a notebook outside the root": ("run 01_data -p dataset ../TINY", "'../TINY'"),
    "settings that are no object": ("run 04_train -p settings [1]", "settings", "'[1]'"),
    "settings that are no JSON": ("run 04_train -p settings {", "settings", "'{'"),
    "settings that repeat a key": ('run 04_train -p settings {"lam":1,"lam":2}', "settings", "'lam'"),
    "settings with a misspelt name": ('run 04_train -p settings {"lams":1}', "settings", "'lams'"),
    "settings with text for a number": ('run 04_train -p settings {"epochs":"3"}', "settings", "epochs", "'3'"),
    "loss that is not there": ("run 06_ablations -p losses foo", "losses", "'foo'"),
    "empty list": ("run 06_ablations -p lams ''", "lams"),
    "a lambda twice": ("run 06_ablations -p lams 1,1", "lams", "1.0, 1.0"),
    "a negative lambda": ("run 06_ablations -p lams 1,-1", "lams", "-1.0"),
    "99999999999 seeds": ("run 05_results -p seeds 99999999999", "seeds", "99999999999"),
    "executed notebook of another suffix": ("run 03_theory --output out.txt", "out.txt"),
    "executed notebook in a file": ("run 03_theory --output clip.npy/a.ipynb", "clip.npy"),
    "executed notebook in a device": ("run 03_theory --output /dev/null/a.ipynb", "/dev/null"),
    "folder of results in a file": ("run 05_results -p output clip.npy/x", "clip.npy"),
    "run folder in a file": ("train --dataset TINY -s backbone=res101 -s ways=3 --output clip.npy/x", "clip.npy"),
    "a file as run folder": ("train --dataset TINY -s backbone=res101 -s ways=3 --output clip.npy", "clip.npy"),
    "features under the name of a backbone": ("features import resnet18 clip.npy --dataset TINY", "'resnet18'"),
    "features under the name of a path": ("features import ../x clip.npy --dataset TINY", "'../x'"),
    "features under an empty name": ("features import '' clip.npy --dataset TINY", "''"),
    "features of an unknown data set to import": ("features import clip clip.npy --dataset CUBS", "'CUBS'"),
    "features without their data set": ("features import clip clip.npy", "--dataset"),
    "features without file": ("features import clip --dataset TINY", "FILE"),
    "features that are missing": ("features import clip no.npy --dataset TINY", "no.npy"),
    "features in a folder": ("features import clip data --dataset TINY", "data"),
    "features that were not imported": ("check TINY -s ways=3 -s backbone=clip", "'clip'"),
}


def _words(text: str) -> list[str]:
    """Words between blanks; single quotes hold a word with blanks together, double quotes stay."""
    return shlex.split(text.replace('"', '\\"'))


for _what, (_text, *_says) in _WORDS.items():
    _given = _words(_text)
    bad(_what, *_says)(lambda world, given=tuple(_given): list(given))


@bad("a line break in a data set", "'C\\nUB'")
def _(world):
    return ["train", "--dataset", "C\nUB"]


@bad("NUL in a data set", "'C\\x00UB'")
def _(world):
    return ["check", "C\0UB"]


@bad("NUL in the name of a notebook", "'a\\x00b'")
def _(world):
    return ["run", "a\0b"]


@bad("NUL in a configuration", "'a\\x00b.json'")
def _(world):
    return ["train", "a\0b.json"]


@bad("NUL in a run folder", "--output", "'a\\x00b'")
def _(world):
    return ["train", "--dataset", "TINY", "--output", "a\0b"]


@bad("NUL in weights", "weights", "'a\\x00b'")
def _(world):
    return ["train", "--dataset", "TINY", "-s", "ways=3", "-s", "backbone=resnet18", "-s", "weights=a\0b"]


@bad("NUL in word vectors", "'a\\x00b'")
def _(world):
    return [
        "train",
        "--dataset",
        "TINY",
        "-s",
        "ways=3",
        "-s",
        "backbone=res101",
        "-s",
        "network=gem",
        "-s",
        "word_vectors=a\0b",
    ]


@bad("NUL in features to import", "'a\\x00b.npy'")
def _(world):
    return ["features", "import", "clip", "a\0b.npy", "--dataset", "TINY"]


@bad("NUL in the name of features", "'a\\x00b'")
def _(world):
    return ["features", "import", "a\0b", "clip.npy", "--dataset", "TINY"]


@bad("NUL in a folder of images", "'a\\x00b'")
def _(world):
    return ["data", "make", "a\0b", "birds.csv", "--name", "NEW"]


@bad("NUL in a class table", "'a\\x00b.csv'")
def _(world):
    return ["data", "make", "birds", "a\0b.csv", "--name", "NEW"]


@bad("NUL in a root", "'a\\x00b'")
def _(world):
    return ["data", "make", "birds", "birds.csv", "--name", "NEW", "--root", "a\0b"]


@bad("NUL in boxes", "'a\\x00b'")
def _(world):
    return ["data", "subset", "TINY", "--name", "NEW", "--boxes", "a\0b"]


@bad("NUL in the name of a data set", "'a\\x00b'")
def _(world):
    return ["data", "make", "birds", "birds.csv", "--name", "a\0b"]


@bad("NUL in the classes of a data set", "unseen", "'a\\x00b'")
def _(world):
    return ["data", "make", "birds", "birds.csv", "--name", "NEW", "--unseen", "a\0b"]


@bad("NUL in a book", "'a\\x00b'")
def _(world):
    return ["book", "a\0b"]


@bad("a byte that is no text", "'a\\udcff'")
def _(world):
    return ["check", "a\udcff"]
