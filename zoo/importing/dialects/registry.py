"""LLaMA-Factory's dataset_info.json: the data sets that its YAML calls by name."""

from typing import Any

from zoo.importing.word import Dialect, derived, each, idle, impossible

_COLUMNS, _OF_ROLE = "data.columns", "the column of a role"
_ALWAYS = "the kind of task and its rows say it"


def _kind(value: Any) -> str:
    """Its formats in axolotl's words."""
    return "chat_template" if value == "sharegpt" else str(value)


REGISTRY = Dialect(
    "LLaMA-Factory's dataset_info.json",
    (),
    {
        "*.hf_hub_url": derived("data.name", "of the hub", "part.*.path"),
        "*.file_name": derived("data.train", "a file beside dataset_info.json", "part.*.path"),
        "*.subset": derived("data.subset", "of the hub", "part.*.subset"),
        "*.split": derived("data.train", "as it is", "part.*.split"),
        "*.formatting": derived(_COLUMNS, "alpaca, or chats", "part.*.type", _kind),
        "*.ranking": idle(_ALWAYS),
        "*.num_samples": impossible("data.max_train_examples counts rows of one source"),
        "*.columns.prompt": derived(_COLUMNS, _OF_ROLE, "part.*.column.instruction"),
        "*.columns.query": derived(_COLUMNS, _OF_ROLE, "part.*.column.input"),
        "*.columns.response": derived(_COLUMNS, _OF_ROLE, "part.*.column.output"),
        **{
            f"*.columns.{role}": derived(_COLUMNS, _OF_ROLE, f"part.*.column.{role}")
            for role in ("messages", "tools", "chosen", "rejected")
        },
        "*.columns.kto_tag": derived(_COLUMNS, _OF_ROLE, "part.*.column.label"),
        **each("*.columns.system *.columns.history *.columns.images *.columns.videos "
               "*.columns.audios", impossible("messages hold all that is said")),
        **each("*.tags.role_tag *.tags.content_tag *.tags.user_tag *.tags.assistant_tag "
               "*.tags.system_tag *.tags.observation_tag *.tags.function_tag",
               impossible("messages hold role and content, or from and value", "role", "content",
                          "user", "assistant", "system", "from", "value", "human", "gpt")),
        **each("*.ms_hub_url *.om_hub_url", idle("the hub's copy, or a file, is read")),
        "*.script_url": impossible("code of data sets is not run"),
        "*.folder": impossible("name the files: data.train"),
    },
    {},
)  # fmt: skip
