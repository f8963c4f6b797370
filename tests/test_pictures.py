"""The pictures of codes say what the tables say, are legible, and are the same each time."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from chromium import chromium, require
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd import (
    CodeTable,
    Fields,
    NoCode,
    Provider,
    Push,
    Reading,
    Registry,
    Row,
    Shape,
    Source,
    Status,
)
from delivrd.cli import main
from delivrd.listing import code_lines
from delivrd.pictures import NARROW, WIDE, draw_codes, draw_coverage
from delivrd.pictures.coverage import coverage
from delivrd.pictures.flow import spread

PROVIDERS = Registry.installed()
EVERYONE = list(PROVIDERS.values())
SVG = "{http://www.w3.org/2000/svg}"
TEXTS = st.text(st.one_of(st.sampled_from("<>&\"'\0\x1b]—ä"), st.characters(exclude_categories=("Cs",))), max_size=60)


class Event(Shape):
    field: str | None = None


def odd(rows, title="Odd", field="field") -> Provider:
    shape = type("Odd", (Shape,), {"__annotations__": {"field": str | None}, "field": None})
    source = Source("Odd's manual")
    return Provider(
        name="odd",
        vendor="Odd",
        title=title,
        docs=source,
        tables=(CodeTable(field, tuple(rows), source),),
        ways=(Push(reading=Reading(shape=shape, fields=Fields())),),
        finality="ended",
        no_code=NoCode(Status.ACCEPTED, False, None, "nothing yet"),
    )


def drawn(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    return root


def chips(root: ElementTree.Element) -> list[str]:
    """What stands on the chips, each with what is told of it."""
    return [group.find(f"{SVG}text").text for group in root.iter(f"{SVG}g")]


def words(root: ElementTree.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]


def strokes(root: ElementTree.Element) -> Counter[str]:
    found = [
        path.get("class")
        for path in root.iter(f"{SVG}path")
        if path.get("d", "").startswith("M") and "C" in path.get("d")
    ]
    return Counter(re.search(r"s-(\w+)", kind)[1] for kind in found)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("provider", EVERYONE, ids=lambda provider: provider.name)
def test_each_code_stands_in_its_providers_picture_once(provider, width):
    root = drawn(draw_codes(provider, width))
    lines = list(code_lines(provider))
    assert Counter(chips(root)) == Counter(line.code for line in lines)
    told = Counter(group.find(f"{SVG}title").text.partition(". ")[0] for group in root.iter(f"{SVG}g"))
    assert told == Counter(
        f"{line.field} {line.code}: "
        + ", ".join(
            filter(
                None,
                (
                    line.status or line.absence or "silent",
                    {True: "final", False: "not final", None: ""}[line.final],
                    line.evidence,
                    line.cause,
                ),
            )
        )
        for line in lines
    )
    assert {table.name for table in provider.tables} <= set(words(root))


@pytest.mark.parametrize("provider", EVERYONE, ids=lambda provider: provider.name)
def test_one_stroke_leads_from_each_field_to_each_status_of_its_codes(provider):
    led = {(line.setting, line.field, line.status, line.absence, line.outcome) for line in code_lines(provider)}
    wanted = Counter(outcome or "unknown" for *_, status, absence, outcome in led if status or absence)
    if provider.no_code is not None:
        wanted[provider.no_code.status.outcome] += 1
    root = drawn(draw_codes(provider))
    assert strokes(root) == wanted
    named = {status for *_, status, _, _ in led if status} | {absence for *_, absence, _ in led if absence}
    bold = {each.text for each in root.iter(f"{SVG}text") if each.get("class") == "ink bold"}
    if provider.no_code is not None:
        named.add(provider.no_code.status)
    assert bold == named
    # On a phone there is no room for strokes: the boxes say it.
    assert not strokes(drawn(draw_codes(provider, NARROW)))


@pytest.mark.parametrize("draw", [lambda: draw_codes(EVERYONE[0]), lambda: draw_coverage(EVERYONE)])
def test_a_picture_says_what_it_is_to_those_who_cannot_see_it_and_follows_the_page(draw):
    text = draw()
    root = drawn(text)
    assert root.get("role") == "img"
    title, desc, style, back = list(root)[:4]
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text
    assert desc.text
    assert "prefers-color-scheme:dark" in style.text
    # A background of its own, for programs that know no dark pages; it asks for nothing elsewhere.
    assert (back.tag, back.get("class")) == (f"{SVG}rect", "back rule")
    assert not re.search(r"url\(|href|@import|<script", text)
    assert draw() == text


def test_coverage_counts_the_lines_and_keeps_statuses_and_causes_apart():
    lines = [line for provider in EVERYONE for line in code_lines(provider)]
    rows = coverage(lines, list(PROVIDERS))
    for at, name in enumerate(PROVIDERS):
        own = [line for line in lines if line.provider == name]
        for axis in ("status", "cause"):
            counted = {row.word: row.counts[at] for row in rows if type(row.word).__name__.lower() == axis}
            assert counted == {word: sum(getattr(line, axis) is word for line in own) for word in counted}
    root = drawn(draw_coverage(EVERYONE))
    figures = Counter(word for word in words(root) if word.isdecimal())
    assert figures == Counter(str(count) for row in rows for count in row.counts if count)


@settings(max_examples=25)
@given(st.integers(1, 60), st.sampled_from([WIDE, NARROW]))
def test_columns_that_do_not_fit_go_on_below(count, width):
    many = [EVERYONE[at % len(EVERYONE)] for at in range(count)]
    root = drawn(draw_coverage(many, width))
    assert Counter(word for word in words(root) if word in PROVIDERS) == Counter(each.name for each in many)
    cells = [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill-opacity")]
    assert cells
    assert all(float(cell.get("x")) + float(cell.get("width")) <= width for cell in cells)


@given(
    st.lists(TEXTS.filter(bool), min_size=1, max_size=40, unique=True),
    TEXTS,
    TEXTS.filter(bool),
    st.sampled_from([WIDE, NARROW]),
)
def test_whatever_a_table_holds_the_picture_is_sound_and_nothing_leaves_it(codes, title, field, width):
    rows = [Row(code, status, meaning=title or "-") for code, status in zip(codes, [*Status] * 4, strict=False)]
    root = drawn(draw_codes(odd(rows, title, field), width))
    assert len(chips(root)) == len(rows)
    assert "ended" in words(root)
    high = float(root.get("height"))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width
        assert float(rect.get("y")) + float(rect.get("height")) <= high


@given(
    st.lists(st.tuples(st.floats(-500, 2000), st.floats(1, 200)), max_size=12), st.floats(0, 100), st.floats(0, 3000)
)
def test_places_keep_their_order_and_do_not_overlap(wants, top, room):
    wanted, sizes = [want for want, _ in wants], [size for _, size in wants]
    places = spread(wanted, sizes, (top, top + room))
    ends = [place + size for place, size in zip(places, sizes, strict=True)]
    assert all(end <= place + 1e-6 for end, place in zip(ends, places[1:], strict=False))
    assert all(place >= top - 1e-6 for place in places)
    if sum(sizes) <= room:
        assert all(end <= top + room + 1e-6 for end in ends)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=8))
def test_places_that_fit_are_those_that_were_wanted(gaps):
    wanted = [sum(gaps[: at + 1]) + 10 * at for at in range(len(gaps))]
    places = spread(wanted, [10.0] * len(gaps), (0, 10_000))
    assert places == pytest.approx(wanted)


def test_the_command_draws_one_provider_or_what_all_cover():
    def told(*arguments):
        return CliRunner().invoke(main, ["codes", *arguments, "--format", "svg"], prog_name="delivrd").stdout

    assert told("teli") == draw_codes(PROVIDERS["teli"])
    assert told() == draw_coverage(EVERYONE)


MEASURE = """() => {
  const told = [];
  const whole = document.documentElement.getBoundingClientRect();
  for (const text of document.querySelectorAll("text")) {
    const box = text.getBoundingClientRect();
    if (box.left < whole.left || box.right > whole.right || box.bottom > whole.bottom)
      told.push(text.textContent + " leaves the picture");
    const chip = text.parentNode.querySelector(":scope > rect");
    if (text.parentNode.tagName === "g" && box.width > chip.getBoundingClientRect().width)
      told.push(text.textContent + " leaves its chip");
  }
  const chips = [...document.querySelectorAll("g > rect")].map(each => each.getBoundingClientRect());
  for (const text of document.querySelectorAll("svg > text")) {
    const box = text.getBoundingClientRect();
    if (chips.some(chip => Math.min(box.right, chip.right) > Math.max(box.left, chip.left) - 2
        && Math.min(box.bottom, chip.bottom) - Math.max(box.top, chip.top) > 4))
      told.push(text.textContent + " touches a chip");
  }
  const boxes = [...document.querySelectorAll("text")].map(each => [each.textContent, each.getBoundingClientRect()]);
  boxes.forEach(([word, box], at) => boxes.slice(at + 1).forEach(([other, second]) => {
    const over = Math.min(box.right, second.right) - Math.max(box.left, second.left);
    const high = Math.min(box.bottom, second.bottom) - Math.max(box.top, second.top);
    if (over > 1 && high > 4) told.push(word + " lies over " + other);
  }));
  return told;
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser_no_word_leaves_its_place_and_every_word_stands_out(dark, tmp_path):
    require()
    drawings = {f"{each.name}-{width}": draw_codes(each, width) for each in EVERYONE for width in (WIDE, NARROW)}
    drawings |= {"coverage-narrow": draw_coverage(EVERYONE, NARROW)}
    with chromium(dark=dark) as browser:
        page = browser.new_page()
        for name, text in drawings.items():
            (tmp_path / f"{name}.svg").write_text(text, encoding="utf-8")
            page.goto((tmp_path / f"{name}.svg").as_uri())
            # Names of providers that stand upright have boxes that are theirs alone.
            assert page.evaluate(MEASURE) == [], name
            fills = page.evaluate(
                "() => [...new Set([...document.querySelectorAll('text')].map(each => getComputedStyle(each).fill))]"
            )
            back = page.evaluate("() => getComputedStyle(document.querySelector('.back')).fill")
            assert (luminance(back) < 0.5) is dark
            for fill in fills:
                if fill != back:
                    assert contrast(fill, back) >= 4.5, (name, fill, back)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
