import re
from pathlib import Path

import pytest

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.report import page
from dl_experiments.analysis.report.stylesheet import CSS
from dl_experiments.analysis.report.told import Told
from dl_experiments.analysis.report.verdicts import summary, table, tables
from dl_experiments.analysis.runs.collect import Collection

ON_PAPER = ("ink", "soft", "link", "warn")
ON_GROUNDS = (("yes", "yes-on"), ("no", "no-on"), ("open", "open-on"), ("ink", "broken-on"))
DAY, NIGHT = (
    dict(re.findall(r"--([a-z-]+): (#\w{3,6});", css))
    for css in CSS.split("@media screen and (prefers-color-scheme: dark)")
)
NIGHT = DAY | NIGHT


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [DAY, NIGHT])
def test_all_text_stands_out(colours: dict[str, str]) -> None:
    assert contrast("#fff", "#767676") == pytest.approx(4.54, abs=0.01)  # known to pass just so
    pairs = [(name, "paper") for name in ON_PAPER] + [*ON_GROUNDS]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast("#fff", colours["broken"]) >= 4.5


def test_the_last_of_ordered_colours_is_no_fainter_than_the_others_may_be() -> None:
    last = [*style.colours(range(5), ordered=True).values()][-1]
    assert contrast("#" + "".join(f"{round(255 * part):02x}" for part in last[:3]), "#fff") > 2


def test_verdicts_are_held_against_those_of_the_page() -> None:
    claim = {"kind": "finding", "n": 5, "verdict": "supported", "p": 0.02, "would_take": ""}
    claim |= {"verdict_corrected": "leaning supported", "note": "", "statement": "s", "effect": "e"}
    claim |= {"estimate": 1.0, "low": 0.1, "high": 2.0, "region": "above 0", "unit": ""}
    words = summary([claim])
    assert "about 0.0 of them would be supported by chance and about as many not" in words
    assert "beside the others on this page (Benjamini and Hochberg) 0 of the 1 verdicts" in words
    assert "beside the others on this page leaning supported" in tables([claim])[0]


def test_numbers_are_to_the_right_and_meet_their_intervals() -> None:
    rows = [["a", "1,152", "0.1 [0.05, 0.2]", "3"], ["b", "–", "−1.5×10⁻⁴ [−2, 0]", "3 of 4"]]
    found = table(["name", "count", "loss", "words"], rows, "numbers")
    assert re.findall(r"<th .*?</th>", found) == [
        '<th scope="col">name</th>',
        '<th scope="col" class="n">count</th>',
        '<th scope="col">loss</th>',
        '<th scope="col">words</th>',
    ]
    assert (
        '<td class="n">1,152</td><td><span class="of" style="width:9ch">0.1</span> [0.05' in found
    )


def test_long_tables_are_folded_and_names_keep_their_letters(tmp_path: Path) -> None:
    named = {"title": "t", "section": "1-1", "question": "q?", "source": "", "published": ""}
    sections = [
        Told(f"of_{rows}", **named, study="s", table=[{"name": "a", "count": 1000}] * rows)
        for rows in (page.LONG, page.LONG + 1)
    ]
    notes = ["hw1_3_random_labels: as it is", "two runs differ"]
    found = page.write_page(tmp_path / "p.html", sections, Collection([], [], notes), [])
    html = found.read_text()
    assert re.findall(r"<summary>(.*?)</summary>", html) == ["31 rows"]
    assert html.count('<td class="n">1,000</td>') == 2 * page.LONG + 1
    assert '"note">hw1_3_random_labels: as it is.<' in html
    assert '"note">Two runs differ.<' in html
