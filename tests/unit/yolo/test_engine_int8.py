import pytest

from yolo.engines import int8

VARIABLE = "ONEDNN_MAX_CPU_ISA"


@pytest.fixture
def cpu(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")  # so that whatever is set here is undone
    monkeypatch.delenv(VARIABLE)

    def write(flags):
        path = tmp_path / "cpuinfo"
        path.write_text(f"processor : 0\nflags : fpu {flags}\n")
        return path

    return write


def test_amx_is_left_out_where_the_cpu_has_it(cpu, monkeypatch):
    assert int8.avoid_amx(cpu("avx512f amx_tile amx_int8"))
    assert int8.os.environ[VARIABLE] == "AVX512_CORE_FP16"


def test_a_cap_that_somebody_set_stays(cpu, monkeypatch):
    monkeypatch.setenv(VARIABLE, "AVX2")
    int8.avoid_amx(cpu("amx_int8"))
    assert int8.os.environ[VARIABLE] == "AVX2"


def test_other_cpus_are_left_alone(cpu, tmp_path):
    assert not int8.avoid_amx(cpu("avx2 avx512_vnni"))
    assert not int8.avoid_amx(tmp_path / "no-proc-here")
    assert VARIABLE not in int8.os.environ


def test_a_quantised_model_is_known_by_its_operations(tmp_path):
    model = tmp_path / "model.xml"
    model.write_text('<layer name="a" type="Convolution"/><layer name="FakeQuantize"/>')
    assert not int8.is_quantised(model)
    model.write_text('<layer name="a" type="FakeQuantize" version="opset1"/>')
    assert int8.is_quantised(model)
    assert not int8.is_quantised(tmp_path / "absent.xml")
