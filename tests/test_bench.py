"""What the benches write, from made-up figures; and that a process is counted alone."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
MADE = {
    "date": "2027-01-16",
    "command": "python -m bench.growth",
    "python": "3.11.0",
    "packages": {"tap-precoro": "1.2.3"},
    "system": "Linux x86_64",
    "cores": 2,
    "load": 0.5,
    "seconds": 300,
}


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.growth")


@pytest.fixture
def drawn(bench):
    return importlib.import_module(bench.picture.__module__)


def made_up(bench, rows=(1_000, 10_000, 100_000)):
    return [
        bench.Cost(
            flow,
            many,
            requests=many // 200 + n,
            least=many // 200,
            cpu=1.0 + many / 5000,
            bare_cpu=0.5 + many / 5000,
            memory=60.0 + n,
            bare_memory=50.0,
            state=100 + n,
            runs=3 if many < 100_000 else 1,
            spread=0.05,
            wall=many / 500 if many < 100_000 else None,
            speed=5 if n == 2 else 1,
        )
        for n, flow in enumerate(bench.FLOWS)
        for many in rows
        if n < 2 or many < 100_000
    ]


def test_the_table_holds_counts_and_ratios(bench) -> None:
    head, first, *_, last = bench.table(made_up(bench))
    found = dict(zip(head[:9], first[:9], strict=True))
    assert found == {
        "Flow": "tap",
        "Rows": "1,000",
        "Requests": "5",
        "Least": "5",
        "Ratio": "1.000",
        "Records a CPU s": "833",
        "Of bare": "0.58",
        "Runs": "3",
        "Spread": "5%",
    }
    assert first[9:] == ["60", "1.20", "100", "2"]
    assert last[-1] == "20*", "a quick clock is told"
    once = next(line for line in bench.table(made_up(bench)) if line[1] == "100,000")
    assert once[7:9] == ["1", ""], "one run has no spread"
    assert once[-1] == "", "what was not timed is left open"


def test_growth_is_each_figure_against_the_rows_before(bench) -> None:
    _, *lines = bench.growth(made_up(bench))
    assert lines[0] == [
        "tap", "1,000 to 10,000 (x10.0)", "x10.0", "x2.50", "x3.57", "x1.00", "x1.00", "x10.0",
    ]  # fmt: skip
    assert lines[1][-1] == ""
    assert [line[0] for line in lines] == ["tap"] * 2 + ["target, unchanged"] * 2 + [bench.FLOWS[2]]


@pytest.mark.parametrize("rows", [(1_000,), (1_000, 10_000), (1_000, 10_000, 100_000)])
def test_the_picture_is_small_whole_and_for_light_and_dark(bench, drawn, rows) -> None:
    text = bench.picture(made_up(bench, rows))
    assert len(text.encode()) <= 60 * 1024
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"href|url\(|@import|@font-face|<script|<image|nan|inf\b|NaN", text)
    root = ET.fromstring(text)
    wide, high = map(float, root.attrib["viewBox"].split()[2:])
    told = [each.text for each in root.iter(f"{SVG}text")]
    assert {*bench.FLOWS, *(panel.title for panel in drawn.PANELS)} <= set(told)
    panels = list(root.iter(f"{SVG}g"))
    assert len(panels) == len(drawn.PANELS)
    for panel, of in zip(panels, drawn.PANELS, strict=True):
        across, down = map(float, re.findall(r"\d+", panel.attrib["transform"]))
        points = [each.attrib for each in panel.iter(f"{SVG}circle")]
        assert len(points) == sum(of.ours(cost) is not None for cost in made_up(bench, rows))
        for point in points:
            assert drawn.LEFT < float(point["cx"]) < drawn.WIDE - 40 < wide - across
            assert 20 < float(point["cy"]) < drawn.HIGH - 20 < high - down


def test_a_larger_figure_stands_higher(bench) -> None:
    root = ET.fromstring(bench.picture(made_up(bench)))
    requests = next(root.iter(f"{SVG}g"))
    heights = [float(c.attrib["cy"]) for c in requests.iter(f"{SVG}circle")][:3]
    assert heights == sorted(heights, reverse=True)
    steps = [a - b for a, b in pairwise(heights)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2), "ten times is one step"


def test_the_page_is_written_between_its_marks_only(bench, tmp_path) -> None:
    (tmp_path / "bench.md").write_text(f"Above\n{bench.page.marked('growth', 'old')}\nBelow\n")
    costs = made_up(bench)
    for _ in range(2):
        bench.publish(tmp_path, costs, MADE)
        page = (tmp_path / "bench.md").read_text()
        assert page == f"Above\n{bench.page.marked('growth', bench.block(costs, MADE))}\nBelow\n"
    assert "`python -m bench.growth` in 300 s" in page
    assert "tap-precoro 1.2.3; Linux x86_64, 2 cores, load 0.5" in page
    told = json.loads((tmp_path / "bench.json").read_text())
    assert told["made"] == MADE
    assert [bench.Cost(**each) for each in told["costs"]] == costs


def test_a_page_without_marks_is_left_alone(bench, tmp_path) -> None:
    (tmp_path / "bench.md").write_text("Mine\n")
    with pytest.raises(AssertionError, match="no marks"):
        bench.publish(tmp_path, made_up(bench), MADE)
    assert [each.name for each in tmp_path.iterdir()] == ["bench.md"]
    assert (tmp_path / "bench.md").read_text() == "Mine\n"


def test_what_is_published_belongs_together(bench) -> None:
    told = json.loads((ROOT / "docs" / "bench.json").read_text())
    costs = [bench.Cost(**each) for each in told["costs"]]
    assert bench.block(costs, told["made"]) in (ROOT / "docs" / "bench.md").read_text("utf-8")
    assert (ROOT / "docs" / "bench.svg").read_text("utf-8") == bench.picture(costs)


def test_a_process_is_measured_without_the_one_that_starts_it(bench, tmp_path) -> None:
    ballast = bytearray(b"x") * (100 << 20)
    says = "\n".join(['{"type":"RECORD"}' + " " * 90, '{"type":"STATE"}', '{"longest": 1}'])
    ran = bench._run(tmp_path, ["-S", "-c", f"print({says!r})"])
    assert ran.used.memory < 60 < len(ballast) >> 20
    assert 0 < ran.used.cpu < 5
    assert ran.state == len('{"type":"STATE"}\n')
    with pytest.raises(AssertionError, match="why it failed"):
        bench._run(tmp_path, ["-S", "-c", "raise SystemExit('why it failed')"])
    assert list(tmp_path.iterdir()) == []


def test_one_place_measures_processes() -> None:
    counted = re.compile(r"\b(wait[34]|getrusage|ru_\w+)\b")
    found = {
        each.name for each in (ROOT / "bench").glob("*.py") if counted.search(each.read_text())
    }
    assert found == {"measured.py"}


def test_another_command_is_measured_as_it_ends(bench, tmp_path) -> None:
    measured = importlib.import_module("bench.measured")
    says = "import os, sys; print(os.environ['TOLD'], input()); sys.exit('why it failed')"
    (tmp_path / "given").write_text("a line\n")
    command = [sys.executable, "-S", "-c", says]
    files = [str(tmp_path / name) for name in ("given", "out")]
    code, used, log = measured.ended(command, tmp_path, *files, {"TOLD": "once"})
    assert (code, log) == (1, "why it failed\n")
    assert (tmp_path / "out").read_text() == "once a line\n"
    assert used.cpu > 0


def test_the_table_of_others_holds_what_came_of_each_run(bench) -> None:
    peers = importlib.import_module("bench.peers")
    facts = {"records": 1_000, "doubled": 0, "tap's STATE": "kept"}
    used = importlib.import_module("bench.measured").Used(0.5, 60.4)
    counted = {"GET": 5, "PATCH": 1_000}
    run = peers.Run("ours", "1000 suppliers", 1, 61.2, counted, 0, 1, 120, 40, used, facts)
    head, line = peers.table([run])
    found = dict(zip(head, line, strict=True))
    assert found == {
        "Work": "1000 suppliers",
        "Who": "ours",
        "Requests": "1,005",
        "GET": "5",
        "POST": "0",
        "PATCH": "1,000",
        "PUT": "0",
        "429": "1",
        "Seconds": "61",
        "Exit": "1",
        "Records": "1,000",
        "Doubled": "0",
        "Tap's STATE": "kept",
        "STATE bytes": "40",
        "All STATE": "120",
        "Records a CPU s": "2,000",
        "Peak MiB": "60",
    }


@pytest.mark.parametrize("command", [["--target", "/none/there"], ["--tap", "/none/there"]])
def test_a_connector_that_is_not_there_is_told_before_anything_runs(command) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench.peers", *command],
        check=False, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (2, "")
    assert "/none/there: there is no such command" in run.stderr


@pytest.mark.parametrize("name", ["tap", "target"])
@pytest.mark.parametrize("how", ["file", "module"])
def test_a_bench_runs_as_a_file_and_as_a_module(name, how, tmp_path) -> None:
    line, place = (["-m", f"bench.{name}"], ROOT) if how == "module" else ([], tmp_path)
    line = line or [str(ROOT / "bench" / f"{name}.py")]
    run = subprocess.run(
        [sys.executable, *line, "--help"], check=False, cwd=place, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "usage:" in run.stdout
