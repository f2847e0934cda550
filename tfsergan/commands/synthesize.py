"""`tfsergan synthesize`: a trained generator to a table of synthetic vectors."""

from pathlib import Path

import click

from tfsergan.commands.options import FILE, FOLDER


@click.command(short_help="Write synthetic vectors of a trained generator as a table.")
@click.argument("model", type=FOLDER)
@click.option("--features", type=FILE, help="Vectors to transform: a table, Parquet, CSV or ARFF.")
@click.option(
    "--samples", type=click.IntRange(1), help="Vectors of each emotion to draw, of methods that sample."
)
@click.option("--emotion", "emotions", multiple=True, help="Only this one; repeatable.  [default: all]")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of what is drawn."
)
@click.option("--to", type=FILE, required=True, help="Table to write, .parquet, .csv or .arff.")
@click.option("--fold", help="Of a run, whose generator.  [default: of the whole corpus, else the first]")
@click.option("--setting", help="Of a run, which GAN, such as lambda_cls=2 or adan-0.  [default: the first]")
@click.option("--force", is_flag=True, help="Overwrite the table.")
def synthesize(
    model: Path,
    features: Path | None,
    samples: int | None,
    emotions: tuple[str, ...],
    seed: int,
    to: Path,
    fold: str | None,
    setting: str | None,
    force: bool,
) -> None:
    """Write synthetic vectors of a MODEL: an exported generator, or a run's folder.

    Generators that transform vectors (bao2019, latif2020, su2021) need --features, those that sample (yi2019, sahu2017,
    sahu2018) --samples; that of su2021 carries vectors, with their labels, to its target corpus. The table has the
    generator's features in their order, speaker and session as given, the emotion that each vector was made to be of,
    and where it comes from. In a folder of corpora, under the name of the feature set, it is a corpus.

    \b
      tfsergan synthesize runs/yi2019 --samples 200 --to corpora/synthetic/is11.parquet
      tfsergan synthesize generators --features speech/is10.csv --emotion angry --to angry.csv
    """
    from tfsergan import engine

    engine.import_tensorflow()
    from tfsergan import synthesis

    synthesis.require_writable(to, force)
    made = synthesis.synthesize(
        model, features, samples, emotion=emotions, seed=seed, fold=fold, setting=setting
    )
    made.write(to, force=force)
    names, counts = synthesis.counted(made)
    of_each = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    click.echo(f"{to}: {len(made)} synthetic vectors of {len(made.feature_names)} features ({of_each})")
