"""What the last digits of numbers depend on beside seeds and settings: processor, libraries, accelerators."""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")  # of Linux
INSTRUCTIONS = (
    *("fma", "avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("avx_vnni", "amx_tile", "amx_bf16", "amx_int8", "amx_fp16"),
    *("asimd", "asimddp", "asimdhp", "bf16", "i8mm", "sve", "sve2"),
)
"""Those by which the libraries choose how they multiply and sum, as Linux calls them."""

DECISIVE = ("machine", "cpu", "instructions", "blas", "onednn", "deterministic_ops", "gpus", "tf32")
"""Of `facts`: what may change the last digits of numbers."""


def facts() -> dict[str, Any]:
    """What the run's speed, and on other machines its last digits, depend on. Imports TensorFlow."""
    cpu, instructions = processor()
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 0,
        "cpu": cpu,
        "instructions": instructions,
        "blas": blas(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "deterministic_ops": deterministic_ops(),
        **gpus(),
    }


def processor() -> tuple[str, str]:
    """The processor's model and those of its instruction sets that matter, separated by spaces.

    Where there is no `/proc/cpuinfo`, the sets are those that NumPy finds, under NumPy's names.
    """
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        import numpy as np

        found = np.show_config(mode="dicts").get("SIMD Extensions", {})
        return platform.processor() or platform.machine(), " ".join(found.get("found", []))
    told: dict[str, str] = {}
    for line in lines:  # the first processor speaks for all
        name, _, value = line.partition(":")
        told.setdefault(name.strip().lower(), value.strip())
    flags = {*told.get("flags", told.get("features", "")).split()}
    model = told.get("model name") or " ".join(
        f"{name} {told[name]}" for name in ("cpu implementer", "cpu part") if name in told
    )
    return model or platform.machine(), " ".join(name for name in INSTRUCTIONS if name in flags)


def blas() -> str:
    """The libraries that NumPy and SciPy multiply with, and the kernels that these have chosen for this processor."""
    import numpy  # noqa: F401  (loads one)
    import scipy.linalg  # noqa: F401  (loads another)
    import threadpoolctl

    names = ("internal_api", "version", "architecture")
    found = [entry for entry in threadpoolctl.threadpool_info() if entry["user_api"] == "blas"]
    return ", ".join(
        sorted({" ".join(str(entry.get(name) or "") for name in names).strip() for entry in found})
    )


def deterministic_ops() -> bool:
    """Whether TensorFlow has been told to leave out operations that give other numbers each time."""
    from tensorflow.python.framework import config  # the public API can set it, not tell

    return bool(config.is_op_determinism_enabled())


def gpus() -> dict[str, Any]:
    """`gpus`, their names, "" without any, and with some `tf32`, whether they round float32 products."""
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    names = [
        str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)) for gpu in devices
    ]
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return {"gpus": ", ".join(names), **({"tf32": tf32} if names else {})}


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two machines' facts and may change last digits, a phrase each.

    A fact that one of them does not tell is no difference: older versions recorded fewer.
    """
    pairs = [(name, there[name], here[name]) for name in DECISIVE if name in there and name in here]
    return [f"{name} {old or 'none'} there, {new or 'none'} now" for name, old, new in pairs if old != new]
