"""Fails unless a built wheel holds what installs and nothing else, and the sdist what a build needs.

python .ci/check_wheel.py DIST
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PLACES = {
    "tfsergan/": "tfsergan/",
    "datasets/": "tfsergan/datasets/",
    "reproductions/": "tfsergan/reproductions/",
}
NEEDED = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CITATION.cff", "mkdocs.yml")


def tracked(*places: str) -> set[str]:
    """The files under version control below some folders."""
    listed = subprocess.run(["git", "ls-files", "-z", *places], check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\0") if name}


def installed(name: str) -> str:
    """Where a file of the repository is installed."""
    place = next(place for place in PLACES if name.startswith(place))
    return PLACES[place] + name.removeprefix(place)


def main(dist: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {installed(name) for name in tracked(*PLACES)}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    needed = {*NEEDED, *tracked(*PLACES, "tests", "docs")}
    for what, names in {
        f"{wheel.name} lacks": wanted - held,
        f"{wheel.name} has, and should not": held - wanted,
        f"{sdist.name} lacks": needed - packed,
    }.items():
        if names:
            sys.exit(f"{what}: {', '.join(sorted(names)[:10])} ({len(names)} in all)")
    print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
