"""How long the first thing that a user sees takes, beside what Python and TensorFlow themselves take, interleaved.

python benchmarks/startup.py
"""

import sys
from functools import partial

import race

PYTHON = sys.executable
COMMANDS = {
    "python -c pass": (PYTHON, "-c", "pass"),
    "import tfsergan": (PYTHON, "-c", "import tfsergan"),
    "tfsergan --help": (PYTHON, "-m", "tfsergan.cli", "--help"),
    "tfsergan papers": (PYTHON, "-m", "tfsergan.cli", "papers"),
    "import tensorflow": (PYTHON, "-c", "import tensorflow"),
}
REFERENCE = "import tensorflow"


def measured(rounds: int) -> race.Figures:
    """Each command `rounds` times; once before that, so that files are in memory."""
    commands = {name: partial(tuple, command) for name, command in COMMANDS.items()}
    race.say("once for the disk")
    race.measure_commands(commands, 1, REFERENCE)
    return race.measure_commands(commands, rounds, REFERENCE)


def main() -> None:
    args = race.parser(__doc__, threads=False).parse_args()
    race.prepare(torch=False)
    figures = measured(args.rounds)
    race.introduce({"rounds": args.rounds})
    print(race.table(figures, "a start", REFERENCE), flush=True)
    record = race.Record("startup")
    record.add("", figures, {}, REFERENCE)
    record.write(args.json)


if __name__ == "__main__":
    main()
