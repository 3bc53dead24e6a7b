"""The verb that uses what was trained: predict."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import AcceptBaseOption, FolderArgument

EXAMPLES = """Answer texts, images or clips with a run's exported model.

An INPUT is a file, a text itself where the model reads text, or - for the
standard input. A .jsonl, .csv or .tsv holds a row a line, with the columns
of the training data; another file of text holds an input a line. What
cannot be read is said on stderr, the others are answered all the same, and
the exit code is 2.

Examples:

  zoo predict runs/bert "how do I top up?" --top 3

  zoo predict runs/vit/model photos/*.jpg --json | jq -r .label

  zoo predict runs/gpt2 "Once upon a time" --max-new-tokens 100 --temperature 0.8 --seed 3

  zoo predict runs/rt-detr street.jpg --threshold 0.6 --out drawn

  zoo predict runs/conformer clips.csv --batch 16 --out transcripts

  tail -f questions.txt | zoo predict runs/bert - --batch 1
"""
InputsArgument = Annotated[list[str], typer.Argument(metavar="INPUT...", help="What to answer.")]
LinesOption = Annotated[
    bool, typer.Option("--json", help="An object of JSON a line, an input each.")
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Keep predictions.jsonl, and pictures, there."),
]
BatchOption = Annotated[
    int | None, typer.Option("--batch", min=1, help="Inputs at once; 8, or 1 where text streams.")
]
TopOption = Annotated[int | None, typer.Option("--top", min=1, help="How many classes or tokens.")]
TokensOption = Annotated[
    int | None, typer.Option("--max-new-tokens", min=1, help="The longest text to write; 64.")
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        "--temperature", min=0, help="0: the likeliest; absent: as the model's folder says."
    ),
]
ThresholdOption = Annotated[
    float | None, typer.Option("--threshold", min=0, max=1, help="The least score of a box; 0.5.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1; absent: a GPU if there is one.")
]
TrustedOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
]


def predict(
    folder: FolderArgument,
    words: InputsArgument,
    as_json: LinesOption = False,
    out: OutOption = None,
    batch: BatchOption = None,
    top: TopOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = None,
    threshold: ThresholdOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = None,
    trusted: TrustedOption = False,
    accept_base: AcceptBaseOption = False,
) -> None:
    from zoo.predicting.exported import Options, exported
    from zoo.predicting.predict import predict, predictor_of, prepare
    from zoo.predicting.results import Page, Results

    prepare(seed)
    options = Options(top, max_new_tokens, temperature, threshold)
    predictor = predictor_of(exported(folder, device, trusted, accept_base), options)
    results = None if out is None else Results(out, predictor)
    page = Page(predictor, as_json, batch)
    for one in predict(predictor, words, sys.stdin, page.batch, page.begin):
        page.take(one)
        if results is not None:
            results.take(one)
    if page.refused:
        raise typer.Exit(2)


predict.__doc__ = EXAMPLES
