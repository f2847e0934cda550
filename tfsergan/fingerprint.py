"""What determines a training stage, as one digest: equal digests, equal weights, bit for bit.

In the digest are

- the model: its class, every attribute that it has beyond `keras.Model`'s own, among them the configuration of its
  networks and optimizers (layers, precision, dropout, slopes, schedules), loss weights, numbers of updates;
- its variables as the training begins: weights, states of random numbers, slots and counters of the optimizers;
- the data: class and every attribute of the batches, among them the bytes of all arrays, batch size and seed;
- the number of epochs, the rule that ends the training before, the scores whose best epoch is kept, with their data;
- the code that takes part: the modules that define these classes and functions and what they import of ours, without
  comments and docstrings; the versions of other packages among these imports;
- where it is computed: processor, GPU, threads, TensorFlow's and Keras's switches.

Nothing of this is a list that one has to remember: attributes are walked, imports are followed. What the walk can't
describe for certain (an object of a foreign class, code without a file, a file that has been edited since the
process read it) has no digest, and such a stage is shared with nobody. What is left out can't change a number:
names of tasks, folders, the frequency of checkpoints, how many processes there are. A draw without a seed of its own
would escape; ours have one each (`training.deterministic`).
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FORMAT = 1  # raised when stages are to be trained again although nothing of the above has changed
HARMLESS = {f"tfsergan.{name}" for name in ("errors", "files", "progress", "_toml", "stages", "fingerprint")}
HARMLESS |= {"filelock", "tensorboard"}
"""What training imports and no number depends on."""

SWITCHES = ("TF_", "XLA_", "ONEDNN_", "DNNL_", "NVIDIA_", "CUBLAS_", "CUDNN_")
"""Beginnings of the names of environment variables that choose kernels."""
NO_SWITCHES = ("TF_CPP_", "TF_NUM_", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR")
BUILT_IN = {"builtins", "keras", "tensorflow", "numpy", *sys.stdlib_module_names}
"""Packages whose objects are known by name and version."""


class Unknown(Exception):
    """Something whose part in the numbers can't be told."""


@dataclass(frozen=True)
class Fingerprint:
    """What a stage is.

    Attributes:
        parts: a digest by ingredient: "model", "initial values", "data", "length", "kept", "code", "machine".
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of all parts: 32 hexadecimal digits."""
        return digest_of(dict(self.parts))

    @property
    def machine(self) -> str:
        """Of where it is computed alone."""
        return self.parts["machine"]


def of_stage(
    model: keras.Model,
    batches: object,
    epochs: int,
    stop: Callable | None = None,
    keep_best: Mapping[str, Callable] | None = None,
    logged: bool = False,
) -> Fingerprint | None:
    """The fingerprint of a stage that is about to be trained; None where something is unknown.

    Args:
        model, batches, epochs, stop, keep_best: as of `training.train`.
        logged: whether TensorBoard logs are part of what is kept.
    """
    walk = Walk()
    try:
        described = {
            "model": walk.of(model),
            "initial values": [array(variable) for variable in variables_of(model)],
            "data": walk.of(batches),
            "length": [epochs, walk.of(stop)],
            "kept": [walk.of(dict(keep_best or {})), logged],
        }
        parts = {name: digest_of(value) for name, value in described.items()}
        return Fingerprint(
            {**parts, "code": digest_of([FORMAT, code_of(walk.modules)]), "machine": machine()}
        )
    except Unknown:
        return None


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All that moves in training, in a fixed order."""
    return [*model.variables, *(v for optimizer in model.optimizers.values() for v in optimizer.variables)]


def digest_of(value: Any) -> str:
    """32 hexadecimal digits of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def array(value: Any) -> list:
    """Type, shape and digest of the bytes of an array, tensor or variable.

    Raises:
        Unknown: an array of objects.
    """
    found = np.asarray(value)
    if found.dtype.hasobject:
        raise Unknown(found.dtype)
    content = np.ascontiguousarray(found).reshape(-1).view(np.uint8)
    return ["array", str(found.dtype), list(found.shape), hashlib.sha256(content.data).hexdigest()]


# ---- objects --------------------------------------------------------------------------------------------------------


class Walk:
    """Describes objects as JSON and collects the modules whose code they run.

    Attributes:
        modules: names of those modules.
    """

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.seen: dict[int, tuple[int, Any]] = {}  # the object too, so that its id stays its own

    def of(self, value: Any) -> Any:
        """A description: the same for what computes the same.

        Raises:
            Unknown: an object of a foreign class.
        """
        if value is None or isinstance(value, bool | int | str):
            return [type(value).__name__, value]
        if isinstance(value, float):
            return ["float", value.hex()]
        if isinstance(value, np.ndarray | np.generic | tf.Tensor | tf.Variable | keras.Variable):
            return array(value)
        if isinstance(value, Mapping | list | tuple | Set) and built_in(type(value)):
            return self.of_container(value)
        if id(value) in self.seen:
            return ["seen", self.seen[id(value)][0]]
        self.seen[id(value)] = len(self.seen), value
        return self.of_object(value)

    def of_container(self, value: Mapping | Sequence | Set) -> list:
        if isinstance(value, Mapping):
            return ["mapping", [[self.of(key), self.of(entry)] for key, entry in value.items()]]
        found = [self.of(entry) for entry in value]
        return ["set", sorted(map(json.dumps, found))] if isinstance(value, Set) else ["sequence", found]

    def of_object(self, value: Any) -> Any:
        if isinstance(value, types.ModuleType):
            self.modules.add(value.__name__)
            return ["module", value.__name__]
        if isinstance(value, type):
            return self.of_class(value)
        if isinstance(value, functools.partial):
            return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if isinstance(value, types.MethodType):
            return ["method", self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, types.FunctionType):
            return self.of_function(value)
        if isinstance(value, types.BuiltinFunctionType | np.ufunc | np.dtype | tf.DType):
            return ["named", repr(value) if isinstance(value, np.dtype | tf.DType) else value.__name__]
        if isinstance(value, tf.types.experimental.PolymorphicFunction):
            return ["graph", self.of(value.python_function), repr(value.input_signature)]
        if isinstance(value, KERAS):
            return self.of_keras(value)
        if not ours(type(value)):
            raise Unknown(type(value))
        return [self.of_class(type(value)), self.of(dict(sorted(attributes(value).items())))]

    def of_class(self, kind: type) -> list:
        """A class by its name; the code of its bases is collected too."""
        self.modules |= {base.__module__ for base in kind.__mro__}
        return ["class", f"{kind.__module__}.{kind.__qualname__}"]

    def of_keras(self, value: Any) -> list:
        """A layer, model, optimizer ... by its configuration; of our classes also by all that they keep beside it."""
        found = [self.of_class(type(value))]
        if isinstance(value, keras.Model) and not built_in(type(value)):  # a method: it has no configuration
            switches = [value.jit_compile, value.run_eagerly, value.steps_per_execution]
            found += [self.of(switches), value.dtype_policy.name]
        else:
            try:
                found.append(self.of(without_names(value.get_config())))
            except NotImplementedError as error:
                raise Unknown(type(value)) from error
        if isinstance(value, keras.Model) and built_in(type(value)):
            found.append([self.of(layer) for layer in layers_of(value) if not built_in(type(layer))])
        if isinstance(value, keras.random.SeedGenerator):
            found.append(array(value.state))
        return found if built_in(type(value)) else [*found, self.of(own_attributes(value))]

    def of_function(self, function: types.FunctionType) -> list:
        """A function by its name where its package has a version, else by its code and all that it refers to."""
        name = f"{function.__module__}.{function.__qualname__}"
        if function.__module__.partition(".")[0] in BUILT_IN:
            return ["function", name]
        inner = [cell.cell_contents for cell in function.__closure__ or ()]
        given = [function.__defaults__, function.__kwdefaults__, inner]
        used = {n for code in codes(function.__code__) for n in code.co_names if n in function.__globals__}
        globals_used = {n: function.__globals__[n] for n in sorted(used)}
        text = [instructions(code, function.__doc__) for code in codes(function.__code__)]
        return ["function", text, self.of(given), self.of(globals_used)]


KERAS = (
    *(keras.layers.Layer, keras.optimizers.Optimizer, keras.metrics.Metric, keras.random.SeedGenerator),
    *(keras.initializers.Initializer, keras.optimizers.schedules.LearningRateSchedule, keras.losses.Loss),
)


def built_in(kind: type) -> bool:
    """Whether a class is of a package whose objects are known by their configuration."""
    return kind.__module__.partition(".")[0] in BUILT_IN


def ours(kind: type) -> bool:
    """Whether a class is of this package or of a user's script, whose code is known by its file."""
    return not (built_in(kind) or installed(kind.__module__))


def attributes(value: Any) -> dict[str, Any]:
    """All that an object of one of our classes keeps.

    Raises:
        Unknown: it keeps something in slots.
    """
    if any(vars(kind).get("__slots__") for kind in type(value).__mro__) or not hasattr(value, "__dict__"):
        raise Unknown(type(value))
    return vars(value)


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of the models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def own_attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object of a Keras class that Keras did not give it, in the order of their names."""
    keras_own = base_attributes(next(kind for kind in KERAS_BASES if isinstance(value, kind)))
    return {
        name: entry
        for name, entry in sorted(vars(value).items())
        if name not in keras_own and not name.startswith("_self_")  # of TensorFlow's tracking
    }


KERAS_BASES = (keras.Model, keras.optimizers.Adam, *KERAS)


@functools.cache
def base_attributes(kind: type) -> frozenset[str]:
    """Names of what Keras itself keeps in an object of one of its classes."""
    if kind is keras.Model:
        bare = keras.Model()
        bare.compile(optimizer=None)
        return frozenset({*vars(bare), "optimizer", "stop_training"})
    if kind is keras.layers.Layer:
        return frozenset(vars(keras.layers.Layer()))
    if kind is keras.optimizers.Adam:
        built = keras.optimizers.Adam()
        built.build([])
        return frozenset(vars(built))
    return frozenset()


def without_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in which layers are called by their numbers: Keras counts names up over a process's life."""
    numbers: dict[str, str] = {}

    def find(entry: Any) -> None:
        if isinstance(entry, Mapping):
            if {"class_name", "config", "name"} <= entry.keys():
                numbers.setdefault(entry["name"], f"layer {len(numbers)}")
            for inner in entry.values():
                find(inner)
        elif isinstance(entry, list | tuple):
            for inner in entry:
                find(inner)

    def renamed(entry: Any) -> Any:
        if isinstance(entry, Mapping):
            return {key: renamed(inner) for key, inner in entry.items()}
        if isinstance(entry, list | tuple):
            return [renamed(inner) for inner in entry]
        return numbers.get(entry, entry) if isinstance(entry, str) else entry

    find(config)
    return {key: renamed(entry) for key, entry in sorted(config.items()) if key != "name"}


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def instructions(code: types.CodeType, doc: str | None) -> list:
    """What a code object does, without line numbers and docstring."""
    constants = [
        sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
        for constant in code.co_consts
        if not (isinstance(constant, types.CodeType) or (doc and constant == doc))
    ]
    return [code.co_code.hex(), constants, *(list(names) for names in (code.co_names, code.co_varnames))]


# ---- code -----------------------------------------------------------------------------------------------------------


def code_of(modules: Set[str]) -> dict[str, str]:
    """Digests of our modules among these and of all that they import of ours; versions of other packages.

    Raises:
        Unknown: a module that is neither in a file nor of a package with a version.
    """
    found = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "tensorflow build": tf.version.GIT_VERSION,
    }
    waiting = [*modules, "tfsergan.training", "keras", "tensorflow", "numpy"]
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in found or top in found or name in HARMLESS or top in HARMLESS:
            continue
        if top in sys.stdlib_module_names:
            continue
        if top in packages() and installed(name):
            found[top] = " ".join(sorted({importlib.metadata.version(dist) for dist in packages()[top]}))
        else:
            found[name], imported = source(name)
            waiting += imported
    return found


def installed(name: str) -> bool:
    """Whether a module is of another package that was installed, and so has a version."""
    path = Path(file_of(name) or "")
    return name.partition(".")[0] != "tfsergan" and bool({"site-packages", "dist-packages"} & {*path.parts})


@functools.cache
def packages() -> Mapping[str, Sequence[str]]:
    """The distributions that a package to import is of."""
    return importlib.metadata.packages_distributions()


@functools.cache
def source(name: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a module's code, and the names of what it imports.

    Raises:
        Unknown: it is in no file, or its file has been changed since this process began.
    """
    path = file_of(name)
    if not path or not path.endswith(".py"):
        raise Unknown(name)
    if Path(path).stat().st_ctime >= process_began() - 1:  # s: how exact that is
        raise Unknown(f"{name}: changed since it was imported, perhaps")
    tree = ast.parse(Path(path).read_bytes())
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported += from_module(node, name)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            drop_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:32], tuple(imported)


@functools.cache
def file_of(name: str) -> str | None:
    """The file of a module, which need not be imported yet."""
    if path := getattr(sys.modules.get(name), "__file__", None):
        return path
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return found.origin if found else None


def from_module(node: ast.ImportFrom, importer: str) -> list[str]:
    """The modules that a `from a import b` reads: a.b where that is a module, else a."""
    module = node.module or ""
    if node.level:
        base = importer.rsplit(".", node.level)[0]
        module = f"{base}.{module}".rstrip(".")
    if module.partition(".")[0] != "tfsergan":
        return [module]
    return [full if file_of(full) else module for full in (f"{module}.{alias.name}" for alias in node.names)]


def drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = [*node.body[1:], ast.Pass()]


IMPORTED = time.time()


@functools.cache
def process_began() -> float:
    """When this process began, in seconds since 1970; where that can't be told, when it read this module."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        booted = next(
            line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")
        )
        return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return IMPORTED


# ---- where ----------------------------------------------------------------------------------------------------------


def machine() -> str:
    """A digest of what the last bits depend on: processor, GPUs, threads, switches of TensorFlow and Keras."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    threads = tf.config.threading
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return digest_of(
        {
            "processor": processor(),
            "gpus": sorted(str(sorted(details.items())) for details in gpus),
            "threads": [
                threads.get_intra_op_parallelism_threads() or os.cpu_count(),
                threads.get_inter_op_parallelism_threads() or os.cpu_count(),
            ],
            "environment": {
                name: value
                for name, value in os.environ.items()
                if name.startswith(SWITCHES) and not name.startswith(NO_SWITCHES)
            },
            "tensorflow": [
                is_op_determinism_enabled(),
                tf.config.experimental.tensor_float_32_execution_enabled(),
                str(tf.config.optimizer.get_jit()),
                sorted(tf.config.optimizer.get_experimental_options().items()),
            ],
            "keras": [
                keras.config.floatx(),
                keras.config.epsilon(),
                keras.config.image_data_format(),
                keras.config.dtype_policy().name,
            ],
        }
    )


@functools.cache
def processor() -> list[str]:
    """What kernels are chosen by: the processor's model, instruction sets and cache; its host's name where unknown."""
    known = [platform.system(), platform.machine()]
    wanted = (
        *("vendor_id", "cpu family", "model", "model name", "stepping", "cache size", "flags"),
        *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
    )
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return [*known, platform.processor(), platform.node()]
    pairs = [line.partition(":")[::2] for line in first.splitlines()]
    return [*known, *(f"{key.strip()}:{value}" for key, value in pairs if key.strip() in wanted)]
