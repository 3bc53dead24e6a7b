"""A report as a browser draws it: every value of the metrics, in any width, without a complaint."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.reporting.browser import needs_browser, shown
from tests.reporting.test_report import data_in, written
from zoo.reporting.page import write_report
from zoo.reporting.reading import read_run, read_runs

EXAMPLE = {
    "row": 3,
    "parts": [
        {"head": "answer", "picture": "data:image/gif;base64,R0lGODlhAQABAAAAACw=", "alt": "none"},
        {
            "head": "a" * 90,
            "spans": [{"text": "word" * 99, "mark": "wrong", "note": "c" * 90}, {"text": "x"}],
        },
    ],
}


@needs_browser
@pytest.mark.slow
def test_what_a_browser_draws_are_the_values_of_the_metrics(tmp_path: Path) -> None:
    write_report([read_run(written(tmp_path / "a", 40))], tmp_path / "page.html")
    found = shown(tmp_path / "page.html")
    charts = len(data_in((tmp_path / "page.html").read_text())["charts"])
    assert f'data-drawn="{charts}"' in found.stdout
    assert found.stdout.count('class="marks"') == charts
    assert "CONSOLE" not in found.stderr
    labels = map(html.unescape, re.findall(r'aria-label="(step: [^"]*)"', found.stdout))
    drawn = {(label.partition(";")[0], part) for label in labels for part in label.split("; ")}
    for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()[:-1]:
        row = json.loads(line)
        values = {key: value for key, value in row.items() if value is not None and key != "step"}
        for key, value in values.items():
            assert (f"step: {row['step']}", f"{key}: {value:.6g}") in drawn


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_a_page_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    roots = [
        written(tmp_path / ("long-name-of-a-run-" + n * 30), 30, optimizer={"lr": n}) for n in "ab"
    ]
    for root in roots:
        content = {"set": "valid", "examples": [EXAMPLE]}
        (root / "examples.json").write_text(json.dumps(content))
    write_report(read_runs(roots), tmp_path / "page.html")
    (tmp_path / "frame.html").write_text(
        f"""<iframe src="page.html" style="border: 0; width: {width}px; height: 900px"></iframe>
        <script>onload = () => setTimeout(() => {{
          const page = document.querySelector("iframe").contentDocument.documentElement;
          document.title = [page.dataset.drawn, page.clientWidth, page.scrollWidth].join(" ");
        }}, 4000);</script>"""
    )
    found = shown(tmp_path / "frame.html", "--allow-file-access-from-files")
    title = re.search(r"<title>(\d+) (\d+) (\d+)</title>", found.stdout)
    assert title, "the page was drawn"
    drawn, window, needed = map(int, title.groups())
    assert drawn > 0 and window <= width and needed <= window
