"""`python -m dgedit.engine.train --start NAME`: from a pretrained network to an infiller, in one command.

Fetches the pinned start, builds the corpus, trims the vocabulary, tunes, exports. Every part is kept under --out and
not made again, so the same command goes on after a kill.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..models.llama import checkpoint, gguf_file
from ..models.llama.network import LlamaConfig, file_names
from ..protocol import CanvasFormat
from ..tokenizer import TextTokenizer, own_format
from . import corpus, data, options, start, vocabulary
from .card import tuned_card
from .tuning import LONG, Tuning, TuningRecipe, weights_for_export

USED_AT_LEAST = 40
"""Occurrences in the corpus for a token to be kept."""


def parser() -> argparse.ArgumentParser:
    """The command line; recipe fields are options of the same names."""
    out = argparse.ArgumentParser(prog="python -m dgedit.engine.train --start", description=__doc__.split("\n\n")[0])
    out.add_argument("--start", choices=sorted(start.STARTS), required=True, help="the pretrained network")
    options.add_common(out, Path("runs/mini"))
    out.add_argument("--checkpoint", type=Path, default=None, help="begin with the weights of this exported folder")
    out.add_argument("--device", default="cpu", help="cpu or cuda (cuda was never run)")
    out.add_argument("--threads", type=int, default=1, help="of torch (default: 1, beside other work)")
    out.add_argument("--stop-at-step", type=int, default=None, help="end this leg there; the same command goes on")
    out.add_argument("--export-only", action="store_true", help="write the checkpoint of the state that is there")
    options.add_fields(out, TuningRecipe)
    return out


def main() -> int:
    """Build what is missing, train what is left of the budget, write the checkpoint."""
    chosen = parser().parse_args()
    torch.set_num_threads(chosen.threads)
    config, weights = prepare(chosen.out, chosen.roots, start.STARTS[chosen.start], chosen.checkpoint)
    tokenizer = TextTokenizer.load(chosen.out / "tokenizer.json")
    tuning = Tuning(
        chosen.out / "run",
        config,
        weights,
        options.values_of(chosen, TuningRecipe),
        data.TokenCorpus.load(chosen.out / "train", tokenizer),
        data.TokenCorpus.load(chosen.out / "heldout", tokenizer),
        device=torch.device(chosen.device),
        compiled=not chosen.no_compile,
    )
    if tuning.done < 1 and not chosen.export_only:
        tuning.run(stop_at_step=chosen.stop_at_step)
    write_checkpoint(tuning, chosen.out, start.STARTS[chosen.start], chosen.card_note)
    return 0


def canvas_format() -> CanvasFormat:
    """The format that `branches` trains; contexts may be longer than those of its batches."""
    return own_format(
        context_tokens=1664,
        canvas_tokens=LONG.canvas,
        near_suffix_tokens=LONG.near_suffix,
        far_suffix_tokens=627,
    )


def write_checkpoint(tuning: Tuning, out: Path, origin: start.TrainingStart, note: str) -> None:
    """Export to `out`/checkpoint, with the training log, the manifest and a model card."""
    folder = out / "checkpoint"
    weights = file_names(weights_for_export(tuning))
    checkpoint.save(weights, tuning.config, out / "tokenizer.json", folder, canvas_format())
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    log = "\n".join(json.dumps(row) for row in tuning.progress.log)
    (folder / "training-log.jsonl").write_text(log + "\n", encoding="utf-8")
    (folder / "data-manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    state = {
        "progress": asdict(tuning.progress),
        "config": tuning.config.to_dict(),
        "recipe": asdict(tuning.recipe),
    }
    card = tuned_card(state, manifest, origin, quoted(sys.argv[1:]), note)
    (folder / "README.md").write_text(card, encoding="utf-8")
    print(f"checkpoint written to {folder}", file=sys.stderr)


def quoted(arguments: list[str]) -> list[str]:
    """The command line as a card quotes it: without the note, folders of this machine by their last name."""
    out, skipped = list[str](), False
    for argument in arguments:
        if not skipped and argument not in ("--card-note", "--export-only"):
            out.append(Path(argument).name if "/" in argument else argument)
        skipped = argument == "--card-note"
    return out


def prepare(
    out: Path, roots: list[Path], chosen: start.TrainingStart, exported: Path | None = None
) -> tuple[LlamaConfig, dict[str, torch.Tensor]]:
    """Corpus, vocabulary, packed tokens and trimmed start under `out`, each only when missing.

    Args:
        exported: a checkpoint folder that an earlier run wrote, to go on from instead of the pretrained start; its
            weights were rounded, and its optimiser begins anew.

    Raises:
        EngineError: when that folder is not readable as a checkpoint.
    """
    if not (out / "manifest.json").exists():
        rows = corpus.build(roots, out)
        for split in ("train", "heldout", "excluded"):
            some = [row for row in rows if row.split == split]
            print(f"{split}: {len(some)} packages, {sum(row.bytes for row in some) / 1e6:.1f} MB", file=sys.stderr)
    if not (out / "start.json").exists() and exported is not None:
        config, weights = checkpoint.read(exported)
        save_file(weights, out / "start.safetensors")
        shutil.copyfile(exported / "tokenizer.json", out / "tokenizer.json")
        (out / "start.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    if not (out / "start.json").exists():
        whole = gguf_file.read(start.fetch(chosen, out))
        # A quarter of the documents tells which tokens are common.
        kept = start.used(whole, vocabulary.documents(out / "train.txt", every=4), USED_AT_LEAST)
        config, weights = start.trim(whole, kept, out / "tokenizer.json")
        save_file(weights, out / "start.safetensors")
        (out / "start.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
        print(f"vocabulary: {config.vocab_size} of {whole.config.vocab_size} tokens", file=sys.stderr)
    tokenizer = TextTokenizer.load(out / "tokenizer.json")
    for split in ("train", "heldout"):
        folder = out / split
        if not (folder / "starts.npy").exists():
            folder.mkdir(exist_ok=True)
            print(f"{split}: {data.pack(out / f'{split}.txt', folder, tokenizer):,} tokens", file=sys.stderr)
    config = LlamaConfig(**json.loads((out / "start.json").read_text(encoding="utf-8")))
    return config, load_file(out / "start.safetensors")
