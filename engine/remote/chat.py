"""One chat's answer as it comes: drafts for the screen, then the code of its block.

Work is linear in the answer, however it is cut into pieces: each is looked at once, and drafts are made no oftener than
they are worth. An answer that holds the person's key is refused. Sends nothing itself; knows no files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from ..types import ContextUse, EngineError, Frame, InfillRequest
from .address import KEY_VARIABLE, clean
from .api import Api
from .block import BlockReader, CodeBlock
from .key import Key
from .prompt import Excerpt
from .run import RemoteRun, empty_answer
from .server import Runtime

ANSWER_CHARS_MAX = 100_000
CHARS_A_TOKEN_MAX = 16
"""No text has so many characters to a token on the average: a server that says so counts something else."""
DRAFT_PAUSE_S = 0.03
"""Between two drafts of a long answer: screens show no more."""
DRAFT_SHARE = 64
"""A draft comes at once where it adds one part in so many to what is shown."""


class Chat:
    """The answer to one question."""

    def __init__(self, api: Api, run: RemoteRun, around: Excerpt, prompt_tokens: int) -> None:
        """Args: prompt_tokens: about how many are sent; a server may count them."""
        self._api, self._run, self._around, self._prompt_tokens = api, run, around, prompt_tokens
        self._reader = BlockReader()
        self._finish: str | None = None
        self._answer_tokens: int | None = None
        self._chars = self._unshown = 0
        self._is_blank = True
        self._shown, self._shown_s = "", 0.0
        key = api.client.key
        self._key_watch = key.watch() if key is not None else None

    @property
    def context(self) -> ContextUse:
        """How much was read."""
        return self._run.context(self._around, self._prompt_tokens)

    def frames(self, body: Mapping[str, Any]) -> Iterator[Frame]:
        """Drafts of the code, until the block ends or the answer does.

        Raises:
            EngineError: when the answer is too long, holds the key, or does not come.
        """
        with closing(self._api.chat(self._run.line, body)) as stream:
            for delta in stream:
                self._finish = delta.finish or self._finish
                self._prompt_tokens = delta.prompt_tokens or self._prompt_tokens
                self._answer_tokens = delta.answer_tokens or self._answer_tokens
                if delta.text:
                    self._add(delta.text)
                if self._is_due() and (draft := self._draft()) is not None:
                    yield draft
                if self._reader.is_closed:
                    return

    def code(self, tokens_max: int) -> str:
        """The code of the whole answer.

        Args:
            tokens_max: so long it may be.

        Raises:
            EngineError: when it holds no whole code block.
        """
        block = self._reader.block(ended=True)
        self._check(block, tokens_max)
        return block.code

    def _add(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > ANSWER_CHARS_MAX:
            raise EngineError(f"the server's answer is over {ANSWER_CHARS_MAX:,} characters", "try another model")
        if self._key_watch is not None and self._key_watch.sees(text):
            refuse_key(self._api.client.key, self._run.request)
        self._unshown += len(text)
        self._is_blank = self._is_blank and not text.strip()
        self._reader.add(text)

    def _is_due(self) -> bool:
        """Whether a draft is worth its while: so that many small pieces of a long answer cost no more than few."""
        if not self._unshown:
            return False
        grown = self._unshown * DRAFT_SHARE >= len(self._shown)
        return grown or self._reader.is_closed or time.monotonic() - self._shown_s >= DRAFT_PAUSE_S

    def _draft(self) -> Frame | None:
        """The code so far; none where it is as it was."""
        code, key = self._reader.block().code, self._api.client.key
        if key is not None:
            code = code[: len(code) - key.begun(code)]
        self._unshown, self._shown_s = 0, time.monotonic()
        if code == self._shown:
            return None
        self._shown = code
        return self._run.draft(code, self.context)

    def _check(self, block: CodeBlock, tokens_max: int) -> None:
        finish = self._finish
        if not block.closed and (finish == "length" or self._is_cut_unsaid(block)):
            raise EngineError(
                f"the server's answer did not end within {tokens_max} tokens",
                "choose fewer lines, or a model that thinks less",
            )
        if not block.closed and finish not in (None, "stop"):
            said = clean(self._api.client.hide(finish), 40)
            raise EngineError(f"the server ended its answer early: {said}", "the server's log says why")
        if self._is_blank:
            raise empty_answer()
        if not block.opened:
            raise EngineError("the server answered without a code block", "try another --seed, or another model")

    def _is_cut_unsaid(self, block: CodeBlock) -> bool:
        """Whether an answer was cut although the server says that it stopped by itself.

        transformers serve counts a canvas of DiffusionGemma as one token, so it never sees the limit reached.
        """
        counted, server = self._answer_tokens, self._api.server
        counts_canvases = counted is not None and self._chars > CHARS_A_TOKEN_MAX * counted
        return counts_canvases or (block.opened and server.diffuses and server.runtime is Runtime.TRANSFORMERS)


def refuse_key(key: Key | None, request: InfillRequest) -> None:
    """Keep a person's key, which an answer holds, out of their files.

    Raises:
        EngineError: when the file does not hold it already.
    """
    if key is None or any(key.is_in(known) for known in (request.prefix, request.suffix, request.original)):
        return
    raise EngineError(
        f"the server's answer holds the key of {KEY_VARIABLE}; it is refused",
        "ask who runs that server, and take another key",
    )
