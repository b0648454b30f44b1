"""An infill of the bundled model as a person steers it: watched, accepted whole or in parts, rolled again, branched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.config import Config, Editor
from dgedit.engine import Engine
from dgedit.fill.loop import FillOptions, Gap
from dgedit.text.holes import MARKER

from ...support.editor_host import Host, Location, editor

SOURCE = "def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
TWO = "def f(a, b):\n    first = <FILL_ME>\n    print(first)\n    return <FILL_ME>\n"
EXPRESSION = "numbers = [1, 2, 3]\ntotal = sum(numbers)\nprint(total)\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE.encode())
    return file


async def texts_until_answered(host: Host) -> list[str]:
    """Press the key of an infill; every text from then to the answer."""
    seen = list[str]()

    def looked() -> bool:
        seen.append(host.text)
        return host.app.infills.review is not None and host.review.finished

    host.send("ctrl+g")
    await host.until(looked, "the answer")
    return seen


async def at_an_answer(host: Host) -> str:
    """Go to the first hole and infill it; the answer."""
    await host.press("f8", "ctrl+g")
    await host.answered()
    return host.review.text


PLACES: dict[str, tuple[str, tuple[Location, Location], str]] = {
    "a cursor on the line of a marker": (SOURCE, ((3, 2), (3, 2)), MARKER),
    "an empty place": ("def f():\n    \n", ((1, 4), (1, 4)), ""),
    "white space behind the cursor": ("def f():\n        \n", ((1, 4), (1, 4)), "    "),
    "whole lines": ("def f():\n    x = 1\n    y = 2\nz\n", ((1, 0), (3, 0)), "x = 1\n    y = 2"),
    "lines selected upwards": ("def f():\n    x = 1\n    y = 2\nz\n", ((3, 0), (1, 0)), "x = 1\n    y = 2"),
    "a part of a line": ("call(argument)\n", ((0, 5), (0, 13)), "argument"),
    "before code": ("x = 1\n", ((0, 0), (0, 0)), ""),
}


@pytest.mark.parametrize("name", PLACES)
async def test_what_an_infill_takes_over(tmp_path: Path, nano: Engine, name: str) -> None:
    text, selection, span = PLACES[name]
    path = tmp_path / "x.py"
    path.write_text(text)
    async with editor(path, model=nano) as host:
        await host.select(*selection)
        await host.press("ctrl+g")
        assert host.area.preview is not None
        assert host.area.preview.original == span
        await host.press("escape")
        assert (host.text, host.selection) == (text, selection)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_a_whole_answer_is_one_step_of_the_history(path: Path, nano: Engine, ending: str) -> None:
    source = SOURCE.replace("\n", ending)
    path.write_bytes(source.encode())
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        shown = source.replace(MARKER, answer.replace("\n", ending))
        assert host.text == shown
        for part in ("pass ", "ms/pass", "tok/s", "ctx ", "nano", "cpu", "answer 1/"):
            assert part in host.status
        await host.press("tab")
        assert host.text == shown
        assert host.area.preview is None
        await host.press("ctrl+z")
        assert host.text == source
        assert host.area.selected_text == MARKER
        await host.press("ctrl+y", "ctrl+s")
        assert path.read_bytes() == shown.encode()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_an_answer_that_changes_nothing_is_no_step_of_the_history(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE.replace("\n", ending).encode())
    async with editor(path) as host:
        await host.press("x", "ctrl+z")
        await host.select((3, 2), (1, 0))
        before, selection = host.text, host.area.selection
        host.area.begin_preview((2, 4), (3, 17))
        host.area.show_pieces([("other", "draft", 0.5)])
        host.area.accept_preview(f"for value in values:\n        {MARKER}")
        assert (host.text, host.area.selection) == (before, selection)
        assert not host.area.history.undo_stack
        await host.press("ctrl+y")
        assert host.text == f"x{before}"


async def test_what_is_typed_after_an_undo_is_a_step_of_its_own(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await at_an_answer(host)
        await host.press("tab")
        accepted = host.text
        await host.press("x", "ctrl+z", "y", "ctrl+z")
        assert host.text == accepted


async def test_every_pass_is_drawn_where_the_code_will_stand(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano, options=FillOptions(seed=3, passes=8)) as host:
        await host.press("f8")
        seen = set(await texts_until_answered(host))
        before, after = SOURCE.split(MARKER)
        assert len(seen) > 3
        assert all(text.startswith(before) and text.endswith(after) for text in seen)


async def test_with_reduced_motion_nothing_is_drawn_before_the_end(path: Path, nano: Engine) -> None:
    still = Config(editor=Editor(watch=False, reduced_motion=True))
    async with editor(path, model=nano, config=still, options=FillOptions(seed=3, passes=8)) as host:
        await host.press("f8")
        seen = await texts_until_answered(host)
        assert set(seen[:-1]) <= {SOURCE, seen[-1]}
        assert host.text == SOURCE.replace(MARKER, host.review.text)
        await host.press("tab")
        assert MARKER not in host.text


async def test_the_colours_stand_on_the_span_alone(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        background = host.app.palette.colour("denoise.background")

        def painted(row: int) -> str:
            strip = host.area.render_line(row)
            colours = ((text, style.bgcolor) for text, style, _ in strip if style)
            return "".join(
                text for text, colour in colours if colour and colour.triplet and colour.triplet.hex == background
            )

        assert painted(3).strip() == answer.split("\n")[0].strip()
        assert painted(1) == ""


async def test_all_holes_are_one_step_and_other_line_endings_stay(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    source = TWO.replace("a, b):\n", "a, b):\r\n").replace("print(first)\n", "print(first)  # \u2028\x0c\r\n")
    path.write_bytes(source.encode())
    async with editor(path, model=nano) as host:
        await host.press("f9")
        await host.answered()
        holes = [result.text for result in host.review.results.values()]
        expected = source
        for hole in holes:
            expected = expected.replace(MARKER, hole, 1)
        assert len(holes) == 2
        assert host.text == expected
        await host.press("tab", "ctrl+s")
        assert path.read_bytes() == expected.encode()
        await host.press("ctrl+z")
        assert host.text == source


async def test_a_carriage_return_of_its_own_survives_all_holes_of_a_crlf_file(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    source = TWO.replace("\n", "\r\n").replace("print(first)\r\n", "print(first)\r\r\n")
    path.write_bytes(source.encode())
    async with editor(path, model=nano) as host:
        await host.press("f9")
        await host.answered()
        answers = iter([result.text.replace("\n", "\r\n") for result in host.review.results.values()])
        await host.press("tab")
        parts = source.split(MARKER)
        assert host.text == parts[0] + next(answers) + parts[1] + next(answers) + parts[2]


async def test_a_text_without_holes_says_so(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text("a = 1\n")
    async with editor(path, model=nano) as host:
        for key in ("f9", "f8"):
            await host.press(key)
            assert f"no {MARKER} in this file" in host.status
        assert host.app.infills.review is None


async def test_an_answer_is_accepted_word_by_word(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        await host.press("alt+w")
        accepted = answer[: host.review.accepted]
        assert accepted.strip()
        assert answer != accepted, "the answer must have several words for this test"
        assert host.text == SOURCE.replace(MARKER, answer), "the rest stays in view"
        await host.press("escape")
        assert host.text == SOURCE.replace(MARKER, accepted)
        await host.press("ctrl+z")
        assert host.text == SOURCE


async def test_the_last_word_closes_the_infill(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        for _ in range(len(answer)):
            if host.app.infills.review is None:
                break
            await host.press("alt+w")
        assert host.app.infills.review is None
        assert host.text == SOURCE.replace(MARKER, answer)
        await host.press("ctrl+z")
        assert host.text == SOURCE


async def test_a_line_of_an_answer_is_accepted(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        await host.press("alt+l")
        lines = answer.split("\n")
        if len(lines) == 1:
            assert host.app.infills.review is None
            assert host.text == SOURCE.replace(MARKER, answer)
        else:
            assert host.review.accepted == len(lines[0])


async def test_what_is_accepted_stays_when_the_rest_rolls_and_is_cancelled(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        await host.press("alt+w")
        accepted = answer[: host.review.accepted]
        await host.press("ctrl+g", "escape")
        assert host.app.infills.review is None
        assert host.text == SOURCE.replace(MARKER, accepted)


async def test_answers_are_cycled_with_their_scores(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano, options=FillOptions(seed=3)) as host:
        await at_an_answer(host)
        candidates = host.review.results[0].candidates
        assert len(candidates) > 1, "this test needs several answers"
        for number in [*range(1, len(candidates)), 0]:
            await host.press("alt+n")
            assert host.text == SOURCE.replace(MARKER, candidates[number].text)
            assert f"answer {number + 1}/{len(candidates)}" in host.status
        await host.press("alt+p", "tab")
        assert host.text == SOURCE.replace(MARKER, candidates[-1].text)


async def test_another_press_gives_another_answer(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        seen = {await at_an_answer(host)}
        for _ in range(3):
            await host.press("ctrl+g")
            await host.answered()
            seen.add(host.review.text)
        assert len(seen) > 2
        await host.press("escape")
        assert host.text == SOURCE


async def test_a_pinned_part_stays_when_the_rest_rolls_again(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano, options=FillOptions(seed=3)) as host:
        answer = await at_an_answer(host)
        pinned = answer[:4]
        assert "\n" not in pinned
        await host.select((3, 8), (3, 12))
        await host.press("alt+k")
        assert "pinned" in host.status
        assert host.review.pins == ((0, 4),)
        for _ in range(2):
            await host.press("ctrl+g")
            await host.answered()
            assert host.review.text.startswith(pinned)
            assert host.text == SOURCE.replace(MARKER, host.review.text)
        await host.select((3, 9), (3, 10))
        await host.press("alt+k")
        assert not host.review.pins
        await host.press("escape")
        assert host.text == SOURCE


async def test_what_cannot_be_pinned_or_rolled_is_said(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        answer = await at_an_answer(host)
        await host.select((0, 0), (0, 3))
        await host.press("alt+k")
        assert "select a part of the infill" in host.status
        await host.select((3, 8), host.area.end_of((3, 8), answer))
        await host.press("alt+k", "ctrl+g")
        assert "everything is pinned" in host.status
        assert host.review.finished


async def test_earlier_passes_are_looked_at_and_branched_from(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano, options=FillOptions(seed=3)) as host:
        answer = await at_an_answer(host)
        await host.press("alt+r")
        assert "goes to an earlier pass" in host.status
        await host.press("alt+left", "alt+left")
        look = host.review.at
        assert look is not None
        draft = "".join(span.text for span in host.review.seen[look].frame.spans)
        assert host.text == SOURCE.replace(MARKER, draft)
        assert "an earlier pass" in host.status
        await host.press("tab")
        assert "earlier pass" in host.status, "only an answer is accepted"
        await host.press("alt+right", "alt+right")
        assert host.review.at is None
        assert host.text == SOURCE.replace(MARKER, answer)
        await host.press("alt+left", "alt+left", "alt+r")
        assert host.app.infills.running
        await host.answered()
        assert host.review.text != answer
        await host.press("tab", "ctrl+z")
        assert host.text == SOURCE


async def test_selected_code_is_rewritten_more_or_less(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text(EXPRESSION)
    async with editor(path, model=nano) as host:
        await host.press("alt+u")
        assert "already 100%" in host.status
        await host.press("alt+d")
        assert "75%" in host.status
        await host.select((1, 8), (1, 20))
        await host.press("ctrl+g")
        await host.answered()
        parts = [segment.part for segment in host.review.segments]
        assert parts == [Gap(code="sum(numbers)", strength=0.75)]
        await host.press("alt+d")
        assert host.app.infills.running, "a finished infill of code runs again at once"
        await host.answered()
        assert "strength 50%" in host.status
        await host.press("escape")
        assert host.text == EXPRESSION
