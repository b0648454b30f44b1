"""The model card: what a checkpoint is, from what it was made and how, in words that come from the run itself."""

from __future__ import annotations

from collections import Counter
from typing import Any


def model_card(state: dict[str, Any], manifest: list[dict[str, Any]], arguments: list[str], note: str) -> str:
    """Markdown text for a checkpoint folder.

    Args:
        state: the run's state.json.
        manifest: the corpus manifest.
        arguments: the command line of the training command.
        note: a sentence by a person, may be empty.
    """
    progress, recipe, config = state["progress"], state["recipe"], state["config"]
    train = [row for row in manifest if row["split"] == "train"]
    heldout = [row for row in manifest if row["split"] == "heldout"]
    licences = Counter(row["licence"] for row in train)
    probes = [row for row in progress["log"] if "heldout_full_noise" in row]
    last = probes[-1] if probes else {}
    files = sum(row["files"] for row in train)
    megabytes = sum(row["bytes"] for row in train) / 1e6
    sizes = ", ".join(f"{name} {value}" for name, value in config.items())
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
        f"- sizes: {sizes}",
        *[
            f"- {name.removeprefix('heldout_')} on held-out packages: {value}"
            for name, value in last.items()
            if "heldout" in name
        ],
        "- every line of the log: `training-log.jsonl`",
        "",
        "## Data",
        "",
        f"{files:,} files, {megabytes:.0f} MB of Python from {len(train)} packages under permissive licences,",
        "near-duplicates dropped, HumanEval excluded;",
        f"held out as whole packages: {', '.join(sorted(row['name'] for row in heldout))}.",
        "Every package with its version and licence: `data-manifest.json`.",
        "",
        "| licence | packages |",
        "|---|---|",
        *[f"| {name} | {count} |" for name, count in licences.most_common()],
        "",
    ]
    return "\n".join(lines)
