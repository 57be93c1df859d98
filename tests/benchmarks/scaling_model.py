"""What several nodes make of a recipe, on paper:
    python3 tests/benchmarks/scaling_model.py
Prints the table of apps/slurm/README.md. network.py measures what of it two ranks on one machine can."""

from dataclasses import dataclass

LATENCY = 20e-6  # s, of a message between two nodes by TCP
MEETINGS = 4     # a step: embeddings, statistics, and the two halves of the gradients' sum


@dataclass
class Recipe:
    name: str
    images_per_second: float  # of one core
    parameters: float         # that are summed
    hidden: float             # part of a step after the largest gradients are there


KOCH = Recipe("koch2015.toml", 75, 38.95e6, 0.6)


def seconds(recipe: Recipe, compute: float, nodes: int, gigabits: float | None, bytes_each: int = 4) -> float:
    """A step that takes each node `compute` seconds by itself. Each sends and receives 2 (N - 1) / N of all gradients, while
    it is still computing, but for the part of a step before they are there."""
    sent = 2 * (nodes - 1) / nodes * bytes_each * recipe.parameters
    wire = 8e-9 * sent / gigabits if gigabits else 0.0
    return compute + max(0.0, wire - recipe.hidden * compute) + MEETINGS * (nodes - 1) * LATENCY


def main() -> None:
    cores = 16
    print(f"{KOCH.name}, nodes of {cores} cores: speed of N nodes, as part of N times one node's\n")
    print("| images a node | numbers | network | 4 nodes | 16 | 64 | 256 |\n|---|---|---|---|---|---|---|")
    for images in (128, 512):
        compute = images / (cores * KOCH.images_per_second)
        for gigabits in (10, 100):
            for numbers, bytes_each in (("f32", 4), ("bf16", 2)):
                parts = (compute / seconds(KOCH, compute, nodes, gigabits, bytes_each) for nodes in (4, 16, 64, 256))
                print(f"| {images} | {numbers} | {gigabits} Gbit/s | {' | '.join(f'{part:.2f}' for part in parts)} |")


if __name__ == "__main__":
    main()
