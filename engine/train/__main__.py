"""`python -m dgedit.engine.train`: from installed Python sources to a checkpoint, in one command.

Every part is kept under --out and not made again, so the same command goes on after a kill. Progress is printed as
lines of numbers: tokens a second, losses, and exact match of held-out lines once the model denoises.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ..evals import methods, spans
from ..evals.exact_match import evaluate
from ..models.nano.checkpoint import NanoInfiller
from ..models.nano.network import NanoConfig, NanoDenoiser
from ..tokenizer import TextTokenizer
from ..types import ModelInfo
from . import bundle, corpus, data, options, pretrained, vocabulary
from .card import model_card
from .export import canvas_format, export
from .trainer import Recipe, Trainer

ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "1000000000"}
"""glibc hands big buffers back after every step and takes them again page by page; kept, training is 2-4x faster."""

BEGAN = time.monotonic()

PROBE_SPANS = 60
"""Held-out lines for the exact match that is printed while training."""


def parser() -> argparse.ArgumentParser:
    """The command line; recipe fields are options of the same names."""
    out = argparse.ArgumentParser(prog="python -m dgedit.engine.train", description=__doc__.split("\n\n")[0])
    options.add_common(out, Path("runs/nano"))
    out.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    out.add_argument(
        "--stop-at-tokens",
        type=int,
        default=None,
        help="end this leg after so many tokens in all; the same command goes on",
    )
    out.add_argument(
        "--leg-minutes",
        type=float,
        default=None,
        help="end this leg after so many minutes of this process; the same command goes on",
    )
    out.add_argument("--write-bundle", type=Path, default=None, help="only pack the corpus into this file, a tar.xz")
    out.add_argument("--bundle", type=Path, default=None, help="take the corpus from such a file, not from --roots")
    options.add_fields(out, Recipe)
    options.add_fields(out, NanoConfig)
    return out


def main() -> int:
    """Build what is missing, train what is left of the budget, write the checkpoint."""
    if sys.platform == "linux" and not ALLOCATOR.keys() <= os.environ.keys():
        # The allocator reads its settings when the process starts, so the process starts again.
        os.execve(sys.executable, [sys.executable, "-m", "dgedit.engine.train", *sys.argv[1:]], os.environ | ALLOCATOR)
    if any(argument.split("=")[0] == "--start" for argument in sys.argv[1:]):
        return pretrained.main()
    chosen = parser().parse_args()
    if chosen.bundle:
        bundle.read(chosen.bundle, chosen.out)
    prepare(chosen.out, chosen.roots)
    if chosen.write_bundle:
        print(f"{chosen.write_bundle}: {bundle.write(chosen.out, chosen.write_bundle) / 1e6:.1f} MB", file=sys.stderr)
        return 0
    tokenizer = TextTokenizer.load(chosen.out / "tokenizer.json")
    recipe = options.values_of(chosen, Recipe)
    trainer = Trainer(
        chosen.out / "run",
        options.values_of(chosen, NanoConfig, vocab_size=tokenizer.vocab_size),
        recipe,
        data.TokenCorpus.load(chosen.out / "train", tokenizer),
        data.TokenCorpus.load(chosen.out / "heldout", tokenizer),
        device=_device(chosen.device),
        compile_model=not chosen.no_compile,
        exact_match=exact_match_probe(chosen.out / "tokenizer.json", recipe),
    )
    if trainer.done < 1:
        minutes = chosen.leg_minutes
        trainer.run(
            stop_at_tokens=chosen.stop_at_tokens,
            stop_at_time=None if minutes is None else BEGAN + minutes * 60,
        )
    write_checkpoint(trainer.model, recipe, chosen.out, note=chosen.card_note)
    return 0


def prepare(out: Path, roots: list[Path]) -> None:
    """Corpus, vocabulary and packed tokens under `out`, each only when missing."""
    if not (out / "manifest.json").exists():
        rows = corpus.build(roots, out)
        for split in ("train", "heldout", "excluded"):
            chosen = [row for row in rows if row.split == split]
            print(f"{split}: {len(chosen)} packages, {sum(row.bytes for row in chosen) / 1e6:.1f} MB", file=sys.stderr)
    if not (out / "tokenizer.json").exists():
        vocabulary.train(out / "train.txt", out / "tokenizer.json")
    tokenizer = TextTokenizer.load(out / "tokenizer.json")
    for split in ("train", "heldout"):
        folder = out / split
        if not (folder / "starts.npy").exists():
            folder.mkdir(exist_ok=True)
            print(f"{split}: {data.pack(out / f'{split}.txt', folder, tokenizer):,} tokens", file=sys.stderr)


def exact_match_probe(tokenizer_file: Path, recipe: Recipe) -> Callable[[NanoDenoiser], float]:
    """A function of the network in training: its exact match on a few held-out lines, through the real engine."""
    chosen = spans.load(limit=PROBE_SPANS)

    def probe(network: NanoDenoiser) -> float:
        frozen = copy.deepcopy(network).to(device="cpu", dtype=torch.bfloat16).eval().requires_grad_(False)
        form = canvas_format(recipe.context, mask_share=recipe.mask_share)
        info = ModelInfo(name="training", parameters=0, device="cpu", digest="")
        model = NanoInfiller(frozen, TextTokenizer.load(tokenizer_file), form, info)
        # Without recall: what is watched is the network.
        return evaluate("probe", chosen, methods.engine(model, use_recall=False)).exact

    return probe


def write_checkpoint(network: NanoDenoiser, recipe: Recipe, out: Path, *, note: str) -> None:
    """Export to `out`/checkpoint, with the training log, the manifest and a model card."""
    folder = out / "checkpoint"
    form = canvas_format(recipe.context, mask_share=recipe.mask_share)
    export(network, out / "tokenizer.json", folder, form)
    state = json.loads((out / "run" / "last" / "state.json").read_text(encoding="utf-8"))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    log = "\n".join(json.dumps(row) for row in state["progress"]["log"])
    (folder / "training-log.jsonl").write_text(log + "\n", encoding="utf-8")
    (folder / "data-manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(state, manifest, _without_note(sys.argv[1:]), note), encoding="utf-8")
    print(f"checkpoint written to {folder}", file=sys.stderr)


def _without_note(arguments: list[str]) -> list[str]:
    """The command line as the card quotes it: the note has a place of its own."""
    if "--card-note" not in arguments:
        return arguments
    at = arguments.index("--card-note")
    return arguments[:at] + arguments[at + 2 :]


def _device(name: str) -> torch.device:
    return torch.device(name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    sys.exit(main())
