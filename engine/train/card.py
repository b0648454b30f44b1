"""The model card: what a checkpoint is, from what it was made and how, in words that come from the run itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .start import TrainingStart


def model_card(state: dict[str, Any], manifest: list[dict[str, Any]], arguments: list[str], note: str) -> str:
    """Markdown text for a checkpoint folder.

    Args:
        state: the run's state.json.
        manifest: the corpus manifest.
        arguments: the command line of the training command.
        note: a sentence by a person, may be empty.
    """
    progress, recipe, config = state["progress"], state["recipe"], state["config"]
    lines = [
        "# nano",
        "",
        "A small block-diffusion model that fills spans of Python. It loads as transformers'",
        "`DiffusionGemmaForBlockDiffusion`; dgedit reads the same files without transformers.",
        "",
        *([note, ""] if note else []),
        "## Training",
        "",
        f"- command: `python -m dgedit.engine.train {' '.join(arguments)}`",
        f"- {progress['tokens']:,} tokens in {progress['seconds'] / 60:.0f} minutes, {progress['step']:,} steps",
        f"- causal for {recipe['causal_share']:.0%} of the budget, then denoising; of corrupted tokens "
        f"{recipe['mask_share']:.0%} become the mask, the others a random token",
        f"- sizes: {_sizes(config)}",
        *_held_out(progress["log"], "heldout_"),
        "- every line of the log: `training-log.jsonl`",
        "",
        *_data(manifest),
    ]
    return "\n".join(lines)


def tuned_card(
    state: dict[str, Any], manifest: list[dict[str, Any]], origin: TrainingStart, arguments: list[str], note: str
) -> str:
    """Markdown text for the folder of a checkpoint with a pretrained start; the arguments are those of `model_card`."""
    progress, config = state["progress"], state["config"]
    lines = [
        "# mini",
        "",
        f"A Llama network of {config['num_layers']} layers that fills spans of Python: left to right, and as a canvas",
        "that it denoises in both directions, on the same weights.",
        "",
        *([note, ""] if note else []),
        "## Start",
        "",
        f"{origin.title}, {origin.licence}, as the package {origin.package} {origin.version} carries it",
        f"(`{origin.file}`, SHA-256 `{origin.sha256}`). Tokens that source code does not use were left out.",
        "The pretrained network may have seen any code that is older than itself, popular packages among it.",
        "",
        "## Training",
        "",
        f"- command: `python -m dgedit.engine.train {' '.join(arguments)}`",
        f"- {progress['tokens']:,} tokens in {progress['seconds'] / 60:.0f} minutes, {progress['step']:,} steps",
        f"- sizes: {_sizes(config)}",
        f"- recipe: {_sizes(state['recipe'])}",
        *_held_out(progress["log"], "held_out_"),
        "- every line of the log: `training-log.jsonl`",
        "",
        *_data(manifest),
    ]
    return "\n".join(lines)


def _sizes(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _held_out(log: list[dict[str, float]], prefix: str) -> list[str]:
    """The last figures of held-out packages in a log, a list item each."""
    probes = [row for row in log if any(name.startswith(prefix) for name in row)]
    last = probes[-1] if probes else {}
    return [
        f"- {name.removeprefix(prefix)} on held-out packages: {value}"
        for name, value in last.items()
        if name.startswith(prefix)
    ]


def _data(manifest: list[dict[str, Any]]) -> list[str]:
    """What the corpus is, with a table of licences."""
    train = [row for row in manifest if row["split"] == "train"]
    heldout = [row for row in manifest if row["split"] == "heldout"]
    files = sum(row["files"] for row in train)
    megabytes = sum(row["bytes"] for row in train) / 1e6
    return [
        "## Data",
        "",
        f"{files:,} files, {megabytes:.0f} MB of Python from {len(train)} packages under permissive licences,",
        "near-duplicates dropped, HumanEval excluded;",
        f"held out as whole packages: {', '.join(sorted(row['name'] for row in heldout))}.",
        "Every package with its version and licence: `data-manifest.json`.",
        "",
        "| licence | packages |",
        "|---|---|",
        *[f"| {name} | {count} |" for name, count in Counter(row["licence"] for row in train).most_common()],
        "",
    ]
