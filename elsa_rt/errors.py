"""Every error that elsa-rt raises on purpose.

    ElsaError                      exit code 1: it could not be done
    |-- UsageError                 exit code 2: what was asked for makes no sense
    |   `-- FileError              a file of the user, in elsa_rt.user_files.problems
    |-- SourceError                a file, pipe or array that is not usable audio
    |   `-- DeviceError            a microphone that is missing, unfit or gone
    |-- BundleError                a model bundle that is absent, damaged or of another kind
    |-- EngineError                an inference engine that cannot be had or failed
    `-- StoreError                 a memory of the past that cannot be read or written

A message says what was being done, the offending value, and the cure.
"""


class ElsaError(Exception):
    """Root of the tree; ``exit_code`` is what the command line exits with."""

    exit_code = 1


class UsageError(ElsaError):
    """An option, prompt or argument that cannot mean anything."""

    exit_code = 2


class SourceError(ElsaError):
    """A file, pipe or array that is not usable audio."""


class DeviceError(SourceError):
    """A microphone that is missing, unfit or gone."""


class BundleError(ElsaError):
    """A model bundle that is absent, damaged or of another kind."""


class EngineError(ElsaError):
    """An inference engine that cannot be had or failed."""


class StoreError(ElsaError):
    """A memory of the past that cannot be read or written."""
