"""Text that is written on, or instead of another one, by transformers' `generate`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from jinja2 import TemplateError
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    TextStreamer,
)

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.against import Stretch, Told, plain, texts_against
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.tasks.preferences.answers import question_of
from zoo.tasks.text.chats.shapes import Turn, chat_of, spoken, unanswered
from zoo.tasks.text.encoding import encoder, frame_of
from zoo.tasks.text.sequences import Framer, read_back
from zoo.tasks.text.tokens import attention_mask, padded

NEW_TOKENS = 64
ASSISTANT = "assistant"
PROMPT, FOLLOWS = 12, 300
"""Words of a text that are asked to be written on, and characters of the rest that are shown."""


class _Written(TextStreamer):
    """Hands text on as it is made, not to the standard output."""

    def __init__(self, tokenizer: Any, with_prompt: bool, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=with_prompt, skip_special_tokens=True)
        self.write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.write(text)


class Writing(Predictor):
    """A model that writes: what is given to it is the kind's own."""

    heeds = frozenset({"max_new_tokens", "temperature"})
    streams = True
    loader: ClassVar[Any]
    """The class of transformers that loads the model."""
    gives_prompt: ClassVar[bool] = False
    """Whether what it generates begins with what it was given."""

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.model = self.loader.from_pretrained(exported.folder, **exported.loading)
        self.model.to(exported.device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(
            exported.folder, trust_remote_code=exported.trusted
        )

    def generated(self, inputs: dict[str, torch.Tensor], **words: Any) -> torch.Tensor:
        """Ids int64 (batch, length) as the folder's generation_config says, the options over it;
        of an input alone the text goes where it is wanted as it is made.
        """
        streamer = None
        alone = len(next(iter(inputs.values()))) == 1
        beams = words.get("num_beams") or self.model.generation_config.num_beams or 1
        if self.write is not None and alone and beams == 1:
            streamer = _Written(self.tokenizer, self.gives_prompt, self.write)
        there = {name: one.to(self.model.device) for name, one in inputs.items()}
        found: torch.Tensor = self.model.generate(
            **there, streamer=streamer, **self.drawing(), **words
        )
        if self.write is not None and streamer is None and alone:
            self.write(self.texts(found)[0])
        return found

    def drawing(self) -> dict[str, Any]:
        """How tokens are chosen; without a temperature as the model's folder says."""
        temperature = self.options.temperature
        if not temperature:
            return {} if temperature is None else {"do_sample": False}
        return {"do_sample": True, "temperature": temperature}

    def texts(self, sequences: torch.Tensor) -> list[str]:
        """Generated ids as texts."""
        found: list[str] = self.tokenizer.batch_decode(sequences, skip_special_tokens=True)
        return found

    def said(self, answer: Answer) -> str:
        """The text."""
        return str(answer["text"])


class Continuation(Writing):
    """What a language model writes behind a prompt, or as the next turn of a chat."""

    choices = (
        *(("messages", "tools"), ("messages",)),
        *(("instruction", "input"), ("instruction",), ("prompt",), ("text",)),
    )
    loader = AutoModelForCausalLM
    gives_prompt = True

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.encode, (self.opening, _) = encoder(self.tokenizer), frame_of(self.tokenizer)

    def read(self, row: Row) -> list[int]:
        """The prompt's ids as in training: special ones before it, none behind.

        Raises CorruptExample for a chat where there is no template, and for a prompt that leaves no
        position for another token.
        """
        turns = isinstance(row.get("prompt"), list)
        chat = chat_of({"messages": row["prompt"]} if turns else row)
        ids = self._prompt(row) if chat is None else self._chat(*chat)
        most = (self.positions or 0) - 1
        if not ids or 0 <= most < len(ids):
            raise CorruptExample(f"a prompt of {len(ids)} tokens; 1 to {most} fit")
        return ids

    def parted(self, row: Row, seed: int) -> tuple[Row, Row]:
        """A chat without what is said last and before it, a prompt without its completion, or the
        first words of a text.
        """
        if "completion" in row:
            completion = row["completion"]
            return question_of(row.get("prompt"), [completion]), {"completion": completion}
        if (chat := chat_of(row)) is not None:
            before, answer = unanswered(chat[0])
            with_tools = {"tools": chat[1]} if chat[1] else {}
            return {"messages": before, **with_tools}, {"completion": answer}
        if "text" in row:
            text = str(row["text"])
            begun = re.match(rf"\s*(?:\S+\s+){{,{PROMPT - 1}}}\S+", text)
            end = begun.end() if begun else 0
            return {"text": text[:end]}, {"completion": text[end : end + FOLLOWS]}
        asked, _ = super().parted(row, seed)
        return asked, {}

    def right(self, asked: Row, rest: Row) -> Answer:
        """What follows in the row."""
        return {"text": rest["completion"]} if "completion" in rest else {}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """What was asked with what was written behind it, and what stands there in the data."""
        return [*written(asked, answer), *([plain("in the data", right["text"])] if right else [])]

    @property
    def positions(self) -> int | None:
        """How many tokens the model can stand; None where that is not known."""
        found = getattr(self.model.config, "max_position_embeddings", None)
        return found if isinstance(found, int) and found > 0 else None

    def _prompt(self, row: Row) -> list[int]:
        return [*self.opening, *self.encode(next(iter(row.values())))]

    def _chat(self, turns: list[Turn], tools: list[Any] | None) -> list[int]:
        if not self.tokenizer.chat_template:
            raise CorruptExample("a chat, for a tokenizer without chat template")
        try:
            found = self.tokenizer.apply_chat_template(
                turns, tools, add_generation_prompt=True, return_dict=True
            )
        except (TemplateError, ValueError, TypeError) as error:
            raise CorruptExample(f"a chat that the template refuses ({error})") from None
        return list(found["input_ids"])

    def answers(self, examples: list[list[int]]) -> list[Answer]:
        """ "text": what was written, without the prompt.

        Prompts stand to the right of a batch, with padding masked before them.
        """
        longest = max(map(len, examples))
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        pad = next(token for token in known if token is not None)
        rows = [[pad] * (longest - len(ids)) + ids for ids in examples]
        mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in examples]
        inputs = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}
        most = self.options.max_new_tokens or NEW_TOKENS
        if self.positions is not None:
            most = min(most, self.positions - longest)
        found = self.generated(inputs, pad_token_id=pad, max_new_tokens=most)
        return [{"text": text} for text in self.texts(found[:, longest:])]


def written(asked: Row, answer: Answer) -> Told:
    """A prompt or a chat with what was written behind it."""
    new = Stretch(answer["text"], "written")
    if "messages" in asked:
        return [*talk(asked["messages"]), (ASSISTANT, [new])]
    return [("written on", [Stretch(next(iter(asked.values()))), new])]


def talk(turns: Sequence[Turn]) -> Told:
    """What is said in a chat, and by whom."""
    return [plain(one["role"], spoken(one)) for one in turns]


class Rewriting(Writing):
    """What an encoder and decoder make of a text."""

    choices = (("source",),)
    loader = AutoModelForSeq2SeqLM

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.prefix = exported.key("prefix") or ""
        self.framed = Framer(self.tokenizer, exported.key("source_length"))

    def read(self, row: Row) -> list[int]:
        """The source's ids as in training, behind the task's prefix."""
        return self.framed(self.prefix + row["source"])[0]

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's target."""
        return {"text": rest["target"]} if "target" in rest else {}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The source, and what was made of it against the target."""
        if not right:
            return super().told(asked, answer, right)
        told = texts_against("answer", answer["text"], right["text"])[:1]
        same = told[0][1][0].how == "right"
        return [*self.asked(asked), *told, *([] if same else [plain("target", right["text"])])]

    def answers(self, examples: list[list[int]]) -> list[Answer]:
        """ "text": what was written."""
        inputs = {
            "input_ids": padded(examples, int(self.tokenizer.pad_token_id)),
            "attention_mask": attention_mask(examples),
        }
        most = self.options.max_new_tokens
        found = self.generated(inputs, **({"max_new_tokens": most} if most else {}))
        return [{"text": text} for text in self.texts(found)]

    def texts(self, sequences: torch.Tensor) -> list[str]:
        """Generated ids as texts, as evaluation reads them."""
        return read_back(self.tokenizer, sequences)
