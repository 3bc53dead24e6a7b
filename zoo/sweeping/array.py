"""A sweep as an array of Slurm: which of its runs, and which one a task is."""

from collections.abc import Mapping, Sequence

from zoo.errors import ConfigError, Fault

TASK = "SLURM_ARRAY_TASK_ID"


def array_word(numbers: Sequence[int], at_once: int | None) -> str:
    """sbatch's option for these runs: `--array=0-3,7%2`."""
    pieces: list[list[int]] = []
    for number in numbers:
        if pieces and number == pieces[-1][-1] + 1:
            pieces[-1].append(number)
        else:
            pieces.append([number])
    said = [f"{one[0]}-{one[-1]}" if len(one) > 1 else str(one[0]) for one in pieces]
    return f"--array={','.join(said)}" + (f"%{at_once}" if at_once else "")


def number_of_task(environment: Mapping[str, str], runs: int) -> int:
    """Which run a task of the array is; raises ConfigError where Slurm does not say."""
    said = environment.get(TASK, "")
    if not said.isdecimal() or int(said) >= runs:
        raise ConfigError([Fault("environment", TASK, said or "nothing", f"0 to {runs - 1}")])
    return int(said)
