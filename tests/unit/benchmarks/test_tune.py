from benchmarks import tune
from benchmarks.contestants.roster import BY_NAME
from benchmarks.plan import Shape


def test_rivals_get_one_worker_per_cpu_or_all_cpus_in_one():
    assert tune.candidates(2) == [Shape(2, 1), Shape(1, 2)]
    assert tune.candidates(16) == [Shape(16, 1), Shape(1, 16), Shape(4, 4)]
    assert tune.candidates(1) == [Shape(1, 1)]


def test_the_quicker_shape_races_unless_one_is_forced_or_fixed():
    racing = [BY_NAME[name] for name in ("litserve_yolo", "fastapi_yolo", "litserve_default")]
    rates = {"litserve_yolo": {"2×1": 14.0, "1×2": 15.0}}
    chosen = tune.choose(racing, rates, 2, None)
    assert chosen == {"litserve_yolo": Shape(1, 2), "fastapi_yolo": Shape(2, 1), "litserve_default": Shape(1, 0)}
    assert tune.choose(racing, rates, 2, Shape(2, 2))["litserve_yolo"] == Shape(2, 2)
