"""The same extraction as an Apache Beam pipeline: it fills the feature cache, from any number of machines.

Workers need tfsergan with its extractors, and see the corpus and the cache under the same paths as here.
"""

import importlib.util
import shlex
from collections.abc import Callable, Sequence
from typing import TypeVar

from tfsergan.errors import TfserganError
from tfsergan.features.audio import not_installed
from tfsergan.processes import map_processes
from tfsergan.progress import Report, silent

QUIET = "--default_sdk_harness_log_level=ERROR"  # unless the options say otherwise

Item = TypeVar("Item")


def require() -> None:
    """Looks whether Beam is there, before anything is begun.

    Raises:
        TfserganError: `apache-beam` is not installed.
    """
    if not importlib.util.find_spec("apache_beam"):
        raise not_installed("apache-beam", "distributed")


def run(
    analysis: Callable[[Item], object],
    items: Sequence[Item],
    options: str,
    *,
    report: Report = silent,
    task: str = "Beam",
) -> None:
    """Calls `analysis` on every item for what it keeps in its cache; what it returns is dropped.

    Args:
        analysis: picklable; see `extraction.Analysis`.
        items: picklable.
        options: of the pipeline, as on a command line, such as
            "--runner=DirectRunner --direct_num_workers=8 --direct_running_mode=multi_processing".
        report: told at the beginning and the end: the runner has its own display.

    Raises:
        TfserganError: `apache-beam` is not installed, or the pipeline failed.
    """
    require()
    # The pipeline is started from a process of its own: some runners work in it, and this one has TensorFlow.
    (failure,) = map_processes(_run, [(analysis, items, options)], jobs=1, report=report, task=task)
    if failure:
        raise TfserganError(
            f"The Beam pipeline with the options {options!r} failed ({failure}). What it had extracted is "
            "kept; the same command goes on."
        )


def _run(job: tuple[Callable[[Item], object], Sequence[Item], str]) -> str | None:
    """Runs the pipeline; what went wrong in words, None if nothing did."""
    import apache_beam
    from apache_beam.options.pipeline_options import PipelineOptions

    analysis, items, options = job
    try:
        words = [QUIET, *shlex.split(options)]
        with apache_beam.Pipeline(options=PipelineOptions(words)) as pipeline:
            (
                pipeline
                | "utterances" >> apache_beam.Create(items)
                | "to all workers" >> apache_beam.Reshuffle()
                | "extract" >> apache_beam.Map(analysis)
            )
    except Exception as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[-1]
    except BaseException:  # how the options' parser refuses, after it has printed why
        return "an option has a wrong value, see above"
    return None
