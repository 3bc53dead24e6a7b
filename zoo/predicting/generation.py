"""Text that is written on, or instead of another one, by transformers' `generate`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.tasks.text.conversations import turns_of
from zoo.tasks.text.encoding import encoder, frame_of

NEW_TOKENS = 64
HEEDS = frozenset({"max_new_tokens", "temperature"})


class _Written(TextStreamer):
    """Hands text on as it is made, not to the standard output."""

    def __init__(self, tokenizer: Any, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.write(text)


def drawing(options: Options) -> dict[str, Any]:
    """How tokens are chosen, for `generate`; without a temperature as the model's folder says."""
    if options.temperature is None:
        return {}
    if options.temperature == 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": options.temperature}


class Continuation(Predictor):
    """What a language model writes behind a prompt, or as the next turn of a chat."""

    choices = (("messages",), ("prompt",), ("text",))
    heeds = HEEDS
    streams = True

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        words = exported.loading
        self.model = AutoModelForCausalLM.from_pretrained(exported.folder, **words)
        self.model.to(exported.device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(
            exported.folder, trust_remote_code=exported.trusted
        )
        self.encode, (self.opening, _) = encoder(self.tokenizer), frame_of(self.tokenizer)
        self.most, self.drawing = options.max_new_tokens, drawing(options)

    def read(self, row: Row) -> list[int]:
        """The prompt's ids as in training: special ones before it, none behind.

        Raises CorruptExample for a chat where there is no template, and for a prompt that leaves no
        position for another token.
        """
        ids = self._chat(row) if "messages" in row else self._prompt(row)
        positions = self.positions
        if not ids or (positions is not None and len(ids) >= positions):
            raise CorruptExample(f"a prompt of {len(ids)} tokens; 1 to {(positions or 2) - 1} fit")
        return ids

    @property
    def positions(self) -> int | None:
        """How many tokens the model can stand; None where that is not known."""
        found = getattr(self.model.config, "max_position_embeddings", None)
        return found if isinstance(found, int) and found > 0 else None

    def _prompt(self, row: Row) -> list[int]:
        return [*self.opening, *self.encode(next(iter(row.values())))]

    def _chat(self, row: Row) -> list[int]:
        if not self.tokenizer.chat_template:
            raise CorruptExample("a chat, for a tokenizer without chat template")
        try:
            found = self.tokenizer.apply_chat_template(
                turns_of(row["messages"]), add_generation_prompt=True, return_dict=True
            )
        except (ValueError, TypeError) as error:
            raise CorruptExample(f"a chat that the template refuses ({error})") from None
        return list(found["input_ids"])

    def answers(self, examples: list[list[int]]) -> list[Answer]:
        """ "text": what was written, without the prompt.

        Prompts stand to the right of a batch, with padding masked before them.
        """
        longest = max(map(len, examples))
        pad = next(
            i
            for i in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
            if i is not None
        )
        rows = [[pad] * (longest - len(ids)) + ids for ids in examples]
        mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in examples]
        given = torch.tensor(rows, device=self.model.device)
        found = self._generated(given, torch.tensor(mask, device=self.model.device), pad)
        new = found[:, longest:].tolist()
        return [
            {"text": text} for text in self.tokenizer.batch_decode(new, skip_special_tokens=True)
        ]

    def _generated(self, ids: Tensor, mask: Tensor, pad: int) -> Tensor:
        room = None if self.positions is None else self.positions - ids.shape[1]
        most = min(n for n in (self.most or NEW_TOKENS, room) if n is not None)
        streams = self.write is not None and len(ids) == 1
        streamer = _Written(self.tokenizer, self.write) if streams and self.write else None
        found: Tensor = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            pad_token_id=pad,
            max_new_tokens=most,
            streamer=streamer,
            **self.drawing,
        )
        return found

    def said(self, answer: Answer) -> str:
        """The text."""
        return str(answer["text"])
