"""The report in a real browser: nothing runs, nothing is fetched, nothing sticks out.

Needs Chromium or Chrome, found by its name or named by TEACHBACK_BROWSER; skips without.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from study_folder import MadeUp, write_study
from teachback.reports import write_report
from test_report_safety import HOSTILE, explaining

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome")

# A page of our own looks at the report from outside, in frames of several widths; the report
# itself may run no script. What is found becomes text that --dump-dom prints.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const widths = [360, 768, 1280], found = [];
window.hit = () => found.push("ran");
function look(width) {
  return new Promise(done => {
    const frame = document.createElement("iframe");
    frame.style.cssText = `width:${width}px;height:800px;border:0`;
    frame.onload = () => {
      const page = frame.contentDocument, root = page.documentElement;
      page.querySelectorAll("details").forEach(e => e.open = true);
      const wide = [...page.body.querySelectorAll("*")].filter(e =>
        !e.closest(".scroll, pre") && e.getBoundingClientRect().right > width + 1);
      const boxes = [...page.querySelectorAll(".scroll")];
      const size = e => e && Math.round(e.getBoundingClientRect().width);
      done({
        width, page: root.scrollWidth,
        wide: wide.slice(0, 5).map(e => e.outerHTML.slice(0, 200)),
        scrolling: boxes.filter(e => e.scrollWidth > e.clientWidth + 1).length,
        outside: boxes.filter(e => e.getBoundingClientRect().right > width + 1).length,
        scripts: page.scripts.length,
        styled: frame.contentWindow.getComputedStyle(page.querySelector(".scroll")).overflowX,
        tick: Math.round(page.querySelector(".tick")?.getBoundingClientRect().height ?? 0),
        chart: size(page.querySelector("svg.chart")),
        fetched: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name),
      });
    };
    frame.src = "report.html";
    document.body.append(frame);
  });
}
Promise.all(widths.map(look)).then(all => {
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify({ all, found });
  document.body.append(out);
});
</script></body>"""


def browser() -> str:
    named = os.environ.get("TEACHBACK_BROWSER")
    found = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if found is None:
        pytest.skip(f"needs a browser: {', '.join(NAMES)}, or TEACHBACK_BROWSER")
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the browser found at three widths, in a study whose texts are all hostile."""
    program = browser()
    folder = tmp_path_factory.mktemp("browser")
    text = " ".join(HOSTILE.values()).replace("alert(1)", "parent.hit()")
    made_up = MadeUp(
        datasets=(text.encode("utf-8", "replace").decode(),),
        sizes=(80, None),
        ends={("ST", 1): ("failed", text)},
        edit=explaining(text),
        cell_edit=lambda cell: replace(cell, teacher=cell.teacher and text),
    )
    write_report(write_study(folder / "study", made_up), out=folder / "report.html")
    (folder / "probe.html").write_text(PROBE, "utf-8")
    ended = subprocess.run(
        [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--virtual-time-budget=10000",
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            (folder / "probe.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    result = re.search(r'<pre id="found">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert result is not None, ended.stderr[-2000:]
    answer = json.loads(html.unescape(result[1]))
    assert answer["found"] == []  # no hostile text ran
    found: list[dict[str, Any]] = answer["all"]
    return found


def test_the_page_never_scrolls_sideways_and_wide_tables_scroll_in_their_box(
    seen: list[dict[str, Any]],
) -> None:
    assert [one["width"] for one in seen] == [360, 768, 1280]
    for one in seen:
        assert one["page"] <= one["width"], one
        assert one["wide"] == []
        assert one["outside"] == 0
    assert seen[0]["scrolling"] > 0  # on a phone, some do


def test_the_policy_lets_the_style_sheet_through_and_nothing_is_run_or_fetched(
    seen: list[dict[str, Any]],
) -> None:
    for one in seen:
        assert one["styled"] == "auto"  # the hash fits
        assert one["scripts"] == 0
        assert one["fetched"] == []


def test_charts_fill_a_phone_and_their_text_can_be_read(seen: list[dict[str, Any]]) -> None:
    assert 280 <= seen[0]["chart"] <= 360
    assert seen[0]["tick"] >= 10
