"""The ladder: a generator of frames, over it a call that returns the result, over it a string.

    infill(request) -> Iterator[Frame]      the editor
    fill(request)   -> InfillResult         the pipe and the hook
    fill_text(...)  -> str                  a script

Closing the generator cancels; it is looked at between passes. Nothing here keeps state between requests: what can be
done before the key is pressed (`prepare`) is a value that the caller keeps and hands back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .denoise import closing_tokens, denoise, edge_bias, whole_tokens
from .encoded import EncodedInfill, encode_infill
from .frames import span_ids
from .guard import Guard, Notebook, notebook_of
from .guidance import ends_before, without
from .packing import with_drafts
from .protocol import Denoiser
from .rank import Proposal, from_memory, from_names, from_row, rank
from .recall import Recalled, recall
from .samplers.step import Step
from .settings import Settings
from .spotlight import Spotlight
from .types import Frame, FrameSpan, InfillRequest, InfillResult, Origin, SlotState

SAMPLING_TEMPERATURE = 0.7
"""For every seed but 0."""
ADAPTED = 3
"""So many more recalled pieces with the names around the span: of 400 lines they add 19 right ones to 86."""
FROM_FILES = frozenset((Origin.RECALLED, Origin.NAMED))
"""Candidates of these say nothing that does not stand in a file."""
LONG_BEAMS = 2
RETRIES = 2
"""So many times more spans are written while nothing good was found."""
DRAFTED = (Origin.RECALLED, Origin.WRITTEN)
"""A row begins with the best of each."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an infill needs before its first pass: the context read, pieces recalled, spans written."""

    encoded: EncodedInfill
    known: tuple[Proposal, ...]

    def serves(self, request: InfillRequest) -> bool:
        """Whether it was made for this request, seed and rejected answers aside."""
        return self.encoded.request == _preparation(opened(request)[0])


def _preparation(request: InfillRequest) -> InfillRequest:
    """The request without what `prepare` does not look at."""
    seed = request.seed if request.strength < 1 else 0
    return replace(request, seed=seed, rejected=())


def opened(request: InfillRequest) -> tuple[InfillRequest, Notebook | None]:
    """The request as the model is asked: for a hole in a notebook's cell, its code and that of the cells around it."""
    notebook = notebook_of(request.prefix, request.suffix) if request.language == "json" else None
    if notebook is None:
        return request, None
    code = replace(request, prefix=notebook.prefix, suffix=notebook.suffix, language=notebook.language)
    return code, notebook


def prepare(request: InfillRequest, model: Denoiser, guard: Guard | None = None) -> Prepared:
    """Everything that does not depend on the seed: most of the time before the first pass.

    Args:
        guard: instead of the one of the request; for comparison.
    """
    request = _preparation(opened(request)[0])
    short = model.canvases(request) == 1
    pieces = remembered(request, model.defaults.recalled) if short else []
    encoded = encode_infill(request, model, guard)
    known = beforehand(encoded, pieces) if short else []
    # See `packing.with_drafts`: rows begin with the best of what is known.
    rows = with_drafts(encoded.packed, drafts(known), model.format, model.defaults.noise_rows)
    return Prepared(replace(encoded, packed=rows), tuple(known))


def infill(
    request: InfillRequest, model: Denoiser, settings: Settings | None = None, prepared: Prepared | None = None
) -> Iterator[Frame]:
    """Denoise the span; one frame a pass, and a last one that carries the result.

    Args:
        prepared: from `prepare`, for this very context; another one is not used.
    """
    began = time.perf_counter()
    settings = settings or default_settings(request, model)
    generator = torch.Generator().manual_seed(request.seed)
    ready = prepared if prepared is not None and prepared.serves(request) else prepare(request, model)
    request, notebook = opened(request)
    encoded, count = replace(ready.encoded, request=request), model.canvases(request)
    if is_foreign(request, model):
        settings = replace(settings, passes_max=encoded.packed.passes + 1)
    taken = 0
    for number in range(1, count + 1):
        watch = Watch(began=began, taken=taken, left=(count - number) * settings.passes_max)
        known = ready.known if count == 1 and not is_foreign(request, model) else ()
        light = Spotlight(encoded=encoded, known=known, judges=count == 1)
        step = yield from _denoise(encoded, settings, generator, watch, light)
        taken += step.pass_index - encoded.packed.passes
        if number < count:
            written = (*encoded.packed.committed_ids, *span_ids(step, 0, model.format, exact=True))
            encoded = encoded.next_canvas(written)
    before = time.perf_counter()
    candidates = rank(encoded, gathered(encoded, denoised(encoded, step), ready.known), light.scored)
    if notebook is not None:
        candidates = [replace(each, text=notebook.written(each.text)) for each in candidates]
    result = InfillResult(
        text=candidates[0].text,
        candidates=tuple(candidates),
        passes=taken,
        elapsed_ms=(time.perf_counter() - began) * 1e3,
        context=encoded.packed.context,
    )
    last = _frame(step, encoded, settings, watch, light, took=time.perf_counter() - before)
    spans = (FrameSpan(result.text, SlotState.FIXED, 1.0),) if result.text else ()
    yield replace(last, spans=spans, result=result)


def is_foreign(request: InfillRequest, model: Denoiser) -> bool:
    """Whether the model was not trained on the language, so that only pieces of the files are offered."""
    return not request.any_language and not model.info.knows(request.language) and not denoises_alone(request)


def gathered(encoded: EncodedInfill, rows: list[Proposal], drafted: Sequence[Proposal]) -> list[Proposal]:
    """All that is proposed; where the guard has something against each of them, more is written.

    Args:
        drafted: what was known before anything was denoised.
    """
    request, guard = encoded.request, encoded.guard
    # Ranking marks proposals; those of a preparation serve again with another seed.
    known = [replace(proposal, origins=set(proposal.origins)) for proposal in drafted]
    if is_foreign(request, encoded.model):
        found = [proposal for proposal in known if proposal.origins & FROM_FILES]
        return found or [Proposal("", [], {Origin.RECALLED})]
    proposals = [*rows, *known, *_kept(encoded)]
    for _ in range(RETRIES):
        if denoises_alone(request) or not guard.guides or guard.has_good([p.text for p in proposals]):
            break
        more = _written_otherwise(encoded, proposals)
        if not more:
            break
        proposals += more
    return proposals


def _kept(encoded: EncodedInfill) -> list[Proposal]:
    """The text that is to be rewritten, where a part of it is to stay."""
    request = encoded.request
    if request.strength == 1 or not request.original:
        return []
    ids = encoded.model.tokenizer.encode(encoded.packed.borrowed + request.original)
    return [Proposal(request.original, ids, {Origin.KEPT})]


@torch.inference_mode()
def _written_otherwise(encoded: EncodedInfill, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Spans written left to right that begin otherwise than all that was proposed, and end where the line goes on."""
    model, packed = encoded.model, encoded.packed
    first, later = edge_bias(packed, model)
    begun = {proposal.ids[0] for proposal in proposals if proposal.ids}
    ends = closing_tokens(packed, model) | ends_before(encoded.guard.place.rest, model.tokenizer)
    how = model.defaults
    allowed = without(first, sorted(begun))
    allowed, later = (_of_a_line(bias, ends, model) for bias in (allowed, later))
    written = model.write(encoded.context, allowed, later, ends, tokens_max=how.written_tokens, beams=how.beams)
    return [from_row(encoded, ids, Origin.WRITTEN, place) for place, ids in enumerate(written)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Where a canvas stands in an infill."""

    began: float
    taken: int
    """Passes of the canvases before it."""
    left: int
    """Passes that those after it may take."""


def _denoise(
    encoded: EncodedInfill, settings: Settings, generator: torch.Generator, watch: Watch, light: Spotlight
) -> Generator[Frame, None, Step]:
    """Frames of one canvas; returns its last step."""
    step: Step | None = None
    before = time.perf_counter()
    for step in denoise(encoded, settings, generator):
        yield _frame(step, encoded, settings, watch, light, took=time.perf_counter() - before)
        before = time.perf_counter()
    assert step is not None, "passes_max is above the passes of a start, so there is a step"
    return step


def fill(request: InfillRequest, model: Denoiser, settings: Settings | None = None) -> InfillResult:
    """The result alone."""
    result = None
    for frame in infill(request, model, settings):
        result = frame.result
    assert result is not None, "the last frame carries the result"
    return result


def fill_text(prefix: str, suffix: str, model: Denoiser, *, seed: int = 0) -> str:
    """The best infill between two texts."""
    return fill(InfillRequest(prefix=prefix, suffix=suffix, seed=seed), model).text


def default_settings(request: InfillRequest, model: Denoiser) -> Settings:
    """The model's own, with the passes of the request; seed 0 is greedy, every other seed samples."""
    temperature = model.defaults.temperature or SAMPLING_TEMPERATURE
    passes = request.max_passes
    if denoises_alone(request) and passes >= model.info.passes:
        passes = max(passes, model.defaults.passes_alone)
    return replace(model.defaults, passes_max=passes, temperature=temperature if request.seed else 0.0)


def denoises_alone(request: InfillRequest) -> bool:
    """Whether rows are all there is: the length is given, a pass is branched from, or a text is mended."""
    return request.exact_tokens is not None or request.start is not None or request.strength < 1


def remembered(request: InfillRequest, limit: int) -> list[Recalled]:
    """Pieces of the file and of related ones; none where the request is about denoising alone."""
    if denoises_alone(request) or not request.recall or not limit:
        return []
    pieces = recall(request.prefix, request.suffix, request.related, limit=limit * (2 if request.stand_in else 1))
    # What stands for another span would be copied from there.
    kept = [piece for piece in pieces if not (request.stand_in and request.stand_in in piece.text)]
    as_found, adapted = ([piece for piece in kept if piece.adapted is wanted] for wanted in (False, True))
    return as_found[:limit] + adapted[:ADAPTED]


@torch.inference_mode()
def beforehand(encoded: EncodedInfill, pieces: Sequence[Recalled]) -> list[Proposal]:
    """What might stand in the span before anything is denoised: pieces of the file, spans written left to right."""
    if denoises_alone(encoded.request):
        return []
    found = [from_memory(encoded, piece, place) for place, piece in enumerate(pieces)]
    if encoded.request.recall and encoded.guard.guides:
        found += from_names(encoded)
    written = written_spans(encoded)
    return found + [from_row(encoded, ids, Origin.WRITTEN, place) for place, ids in enumerate(written)]


def written_spans(encoded: EncodedInfill) -> list[list[int]]:
    """Ids of spans written left to right, the likeliest first: those of one line, and where the likeliest of them seems
    to be a beginning only, those of several lines before them.
    """
    model, context, packed = encoded.model, encoded.context, encoded.packed
    first, later = edge_bias(packed, model)
    ends, how = closing_tokens(packed, model), model.defaults
    begin, then = (_of_a_line(bias, ends, model) for bias in (first, later))
    written = model.write(context, begin, then, ends, tokens_max=how.written_tokens, beams=how.beams)
    if not how.long_tokens or not written or not goes_on(encoded, written[0]):
        return written
    closing = torch.zeros_like(ends)
    closing[model.format.eom_id] = True
    long = model.write(context, first, later, closing, tokens_max=how.long_tokens, beams=LONG_BEAMS)
    return [*(ids for ids in long if ids not in written), *written]


def _of_a_line(bias: Tensor, ends: Tensor, model: Denoiser) -> Tensor:
    """A bias [V], without the tokens that are only half in the line where a line break ends the span."""
    return bias if int(ends.sum()) == 1 else whole_tokens(bias, model)


def goes_on(encoded: EncodedInfill, ids: list[int]) -> bool:
    """Whether the model finds it unlikely that a span that was written ends there."""
    model = encoded.model
    below = math.log(model.defaults.long_below)
    return float(model.score(encoded.context, [[*ids, model.format.eom_id]])[0][-1]) < below


def drafts(known: list[Proposal]) -> list[list[int]]:
    """The proposals that rows begin with: where one is nearly right, the denoiser mends it."""
    best = [next((p.ids for p in known if origin in p.origins), None) for origin in DRAFTED]
    return [ids for ids in best if ids is not None]


def denoised(encoded: EncodedInfill, step: Step) -> list[Proposal]:
    """What each row came to."""
    form, packed = encoded.model.format, encoded.packed
    rows = [span_ids(step, row, form, exact=packed.exact) for row in range(len(packed.slots))]
    return [from_row(encoded, ids, Origin.DENOISED, place) for place, ids in enumerate(rows)]


def _frame(
    step: Step, encoded: EncodedInfill, settings: Settings, watch: Watch, light: Spotlight, *, took: float
) -> Frame:
    light.follow(step)
    elapsed, packed = time.perf_counter() - watch.began, encoded.packed
    written = encoded.model.tokenizer.decode(packed.committed_ids)
    spans = light.spans(step)
    return Frame(
        pass_index=watch.taken + step.pass_index,
        passes_max=watch.taken + settings.passes_max + watch.left,
        spans=(FrameSpan(written, SlotState.FIXED, 1.0), *spans) if written else spans,
        mean_entropy=float(step.mean_entropy()[light.row]),
        elapsed_ms=elapsed * 1e3,
        pass_ms=took * 1e3,
        tokens_per_second=(len(packed.committed_ids) + int((step.accepted[light.row] & step.span[light.row]).sum()))
        / elapsed,
        context=packed.context,
        slots=light.slots(step) if not (watch.taken or watch.left) else (),
    )
