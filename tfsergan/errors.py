"""Failures that a user can mend, each with one clear message."""


class TfserganError(Exception):
    """Something is wrong with input, data or a run; the message says what, where and what to do.

    The command line prints the message without a traceback and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(TfserganError):
    """The command itself is wrong: an unknown paper, corpus, option or value."""

    exit_code = 2


class CorpusNotFound(TfserganError):
    """A corpus is not where it was looked for; a table prints its rows as not run."""
