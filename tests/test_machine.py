"""What a run records of the machine, and what of it is told to whoever goes on elsewhere."""

import pytest

from tfsergan import machine

X86 = """processor\t: 0
model name\t: AMD EPYC 9454
flags\t\t: fpu fma avx avx2 avx512f avx512_bf16 sse4_2

processor\t: 1
model name\t: another
flags\t\t: amx_tile
"""
ARM = """processor\t: 0
Features\t: fp asimd asimddp sve bf16
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86, ("AMD EPYC 9454", "fma avx avx2 avx512f avx512_bf16")),
        (ARM, ("cpu implementer 0x41 cpu part 0xd40", "asimd asimddp bf16 sve")),
    ],
)
def test_the_processor_as_linux_tells_it(tmp_path, monkeypatch, text, expected):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(text)
    assert machine.processor() == expected


def test_the_processor_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "none")
    cpu, instructions = machine.processor()
    assert cpu
    assert all(name == name.upper() for name in instructions.split())  # NumPy's names


def test_facts_are_of_this_process(monkeypatch):
    from tfsergan import training

    training.deterministic()
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    found = machine.facts()
    assert (found["deterministic_ops"], found["onednn"]) == (True, "0")
    assert found["blas"]
    assert found["cores"] >= 1
    assert {*found} >= {*machine.DECISIVE} - {"tf32"}


def test_differences_that_matter():
    here = {"cpu": "A", "instructions": "avx2 avx512f", "cores": 2, "python": "3.11.7", "onednn": "default"}
    assert machine.differences(here, here) == []
    assert machine.differences(here, here | {"cores": 64, "python": "3.12.1"}) == []
    assert machine.differences({"cores": 2}, here) == []  # nothing else was recorded
    assert machine.differences(here, here | {"instructions": "avx2"}) == [
        "instructions avx2 avx512f there, avx2 now"
    ]
    assert machine.differences(here, here | {"gpus": "H100"}) == []  # as older versions recorded it
    none, one = here | {"gpus": ""}, here | {"gpus": "H100", "tf32": True}
    assert machine.differences(none, one) == ["gpus none there, H100 now"]
    assert machine.differences(one, none) == ["gpus H100 there, none now"]
