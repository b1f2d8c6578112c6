import pytest

from benchmarks.report import tables


def load(rate=10.0, low=None, p50=100.0):
    spread = {"median": rate, "min": low or rate, "max": rate}
    return {"images_per_s": spread, "latency_ms": {"p50": p50, "p95": 150.4, "p99": None}, "server_cpu_ms": 51.6}


def contestant(title="A", **more):
    return {
        "title": title,
        "shape": "2×1",
        "refused": None,
        "parity": {"matched": 170, "expected": 170, "found": 170},
        "startup_s": {"median": 4.2, "min": 4.0, "max": 5.0},
        "memory_mb": {"rss": 889.8},
        "closed": {"1": load(7.0), "4": load(10.0, low=8.0)},
        "open": {"80": load()},
        "errors": 0,
        "wrong_under_load": 0,
        "times_baseline": {"median": 2.125, "min": 2.0, "max": 2.2},
        "of_ceiling": {"median": 0.954, "min": 0.9, "max": 1.0},
    } | more


@pytest.fixture
def results():
    return {
        "date": "2026-01-02T03:04+00:00",
        "machine": {"processor": "CPU", "cpus_used": 2, "cpus": 4, "instructions": ["avx2"], "memory_gb": 8.0},
        "settings": {
            "clients": [1, 4], "loads": [80], "compared_at": 4, "pictures": 14, "weights": "best.pt", "rounds": 3,
            "seconds": 8.0,
        },
        "ceiling": {
            **load(11.0), "drift": 0.031, "shape": "1×2", "memory_mb": {"rss": 240.0},
            "parity": {"matched": 170, "expected": 170, "found": 170},
        },
        "contestants": {"a": contestant(), "b": contestant("B | b", errors=2, wrong_under_load=1)},
        "targets": [
            {"ours": "a", "of": "b", "wanted": 2.0, "measured": {"median": 2.1, "min": 1.9, "max": 2.2}},
            {"ours": "a", "of": "c", "wanted": 2.0, "measured": {"median": 1.5, "min": 1.4, "max": 1.6}},
        ],
        "notes": ["One note."],
    }  # fmt: skip


def test_the_main_table_has_a_row_per_contestant_and_the_ceiling_last(results):
    rows = tables.throughput(results)
    assert rows[0][:4] == ["", "equal boxes", "images/s, 1 cl.", "images/s, 4 cl."]
    assert rows[1] == ["A", "170/170", "7.0", "10.0 (8.0–10.0)", "2.12 (2.00–2.20)", "95 %", "0"]
    assert rows[-1][0].startswith("Ceiling")
    assert len({len(row) for row in rows}) == 1


def test_errors_and_wrong_answers_under_load_are_shown(results):
    assert tables.throughput(results)[2][-1] == "2, 1 wrong"


def test_a_refused_contestant_has_a_row_of_dashes_and_no_latencies(results):
    results["contestants"]["b"]["refused"] = "it did not start"
    rows = tables.throughput(results)
    assert rows[2][2:] == ["–", "–", "–", "–", "left out"]
    assert [row[0] for row in tables.latency(results)] == ["p50 / p95 / p99 in ms", "A", "Ceiling"]


def test_latencies_are_percentiles_with_a_dash_for_missing_values(results):
    rows = tables.latency(results)
    assert rows[1][1] == "100 / 150 / –"
    assert rows[1][4:] == ["4.2", "890", "52", "2×1"]
    assert len({len(row) for row in rows}) == 1


def test_a_different_number_of_found_boxes_is_shown(results):
    assert tables.parity_cell({"matched": 64, "expected": 170, "found": 176}) == "64/170, 176 found"
    assert tables.parity_cell(None) == "–"


def test_the_median_decides_whether_a_promise_is_kept(results):
    assert [row[-1] for row in tables.targets(results)] == ["kept", "yes", "no"]


def test_markdown_escapes_bars_and_has_a_rule_below_the_head(results):
    lines = tables.markdown(tables.throughput(results)).splitlines()
    assert lines[1] == "|---|---|---|---|---|---|---|"
    assert lines[3].startswith("| B \\| b |")


def test_columns_are_aligned_for_the_terminal():
    lines = tables.aligned([["name", "n"], ["a", "1"], ["long name", "22"]]).splitlines()
    assert lines == ["name        n", "─────────────", "a           1", "long name  22"]


def test_the_document_names_date_machine_drift_chart_and_notes(results):
    text = tables.render(results, tables.markdown, "latest.png")
    for part in ("2026-01-02", "2 of 4 CPUs; avx2", "up to 3 %", "(latest.png)", "- One note."):
        assert part in text


def test_a_race_without_promises_has_no_table_for_them(results):
    results["targets"] = []
    assert "promise" not in tables.render(results, tables.markdown)
