from benchmarks.report import overload_notes

QUIET = {"idle": 0, "idle_opened": 0, "idle_open_after": 0, "slow": 0, "slow_ended": {}}


def load(other_cpu_s=0.0, **seen):
    return {
        "server_cpu_s": 9.0, "client_cpu_s": 1.0, "other_cpu_s": other_cpu_s, "late_ms": 4.0,
        "bystanders": {**QUIET, **seen},
    }  # fmt: skip


def notes(*loads):
    one = {"loads": dict(enumerate(loads)), "scenes": {"callers": {"many": {}}}}
    return overload_notes.gather({"stack_gateway": one, "left_out": {"refused": "no room"}})[
        len(overload_notes.METHOD) :
    ]


def test_the_cost_and_the_delay_of_the_load_generator_are_noted():
    assert notes(load()) == ["The load generator used up to 1.0 s of CPU time for a load and was up to 4 ms late."]
    assert notes() == []


def test_the_fate_of_bystanders_is_noted():
    (_, note) = notes(load(idle=1000, idle_opened=1000, idle_open_after=998, slow=20, slow_ended={"408": 40}))
    assert (
        note == "Of 1000 idle connections 1000 were opened and 998 were open after the load; 20 slow senders: 408 40."
    )


def test_other_work_on_the_cpus_is_noted():
    assert len(notes(load(other_cpu_s=1.4))) == 1
    (_, note) = notes(load(other_cpu_s=2.0))
    assert "20% of what" in note
