"""At home: fill .lent/ with what the next call needs.

Call 1: wheels, training strips 00 to 05. Call 2: wheels, the other strips, and what the first call's probe.py
measured. The wheels are downloaded once, for Python 3.12 on Linux, into .wheels/.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGET = Path(".lent")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
MOST = 64 * 2**20  # bytes of a call, the working tree with it
FIRST = 6  # strips of each class that go with the first call


def fetch_wheels(folder: Path) -> None:
    """What requirements.txt names, without what those need: it names that too."""
    if folder.exists():
        return
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", "3.12", "--implementation", "cp"]
    command += [word for name in PLATFORMS for word in ("--platform", name)]
    subprocess.run([*command, "-d", folder, "-r", HERE / "requirements.txt"], check=True)


def chosen(data: Path, call: int, tiny: bool) -> list[Path]:
    """The strips that go with this call; of a tiny copy one of each class and split."""
    strips = sorted(data.glob("t*/*/*.webp"))
    if tiny:
        return [path for path in strips if path.stem == "00"]
    train = [path for path in strips if path.parts[-3] == "train"]
    if call == 1:
        return [path for path in train if int(path.stem) < FIRST]
    return [path for path in strips if path not in train or int(path.stem) >= FIRST]


def main() -> None:
    """Fill the folder again, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("call", type=int, choices=(1, 2))
    parser.add_argument("data", type=Path, help="lossless strips: {train,test}/<class>/<nn>.webp")
    parser.add_argument("--wheels", type=Path, default=Path(".wheels"))
    parser.add_argument("--tiny", action="store_true", help="one strip of each class, no wheels")
    parser.add_argument("--probe", type=Path, help="probe.jsonl of the first call")
    arguments = parser.parse_args()
    shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "wheels").mkdir(parents=True)
    if not arguments.tiny:
        fetch_wheels(arguments.wheels)
        shutil.copytree(arguments.wheels, TARGET / "wheels", dirs_exist_ok=True)
    for path in chosen(arguments.data, arguments.call, arguments.tiny):
        place = TARGET / "strips" / path.relative_to(arguments.data)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    if arguments.probe:
        shutil.copy(arguments.probe, TARGET / "probe.jsonl")
    size = sum(path.stat().st_size for path in TARGET.rglob("*") if path.is_file())
    tree = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    size += sum(Path(name).stat().st_size for name in tree if Path(name).is_file())
    print(f"{size / 2**20:.1f} MiB with the working tree, of {MOST / 2**20:.0f}")
    if size > MOST:
        sys.exit("error: too large for a call")


if __name__ == "__main__":
    main()
