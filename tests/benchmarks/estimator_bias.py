"""How far alpha's estimate is from the gradient it estimates, for K samples: its bias and its noise, exactly.

    python tests/benchmarks/estimator_bias.py [--write]

The space has four architectures, so that all that K random draws may be are enumerated and weighed with their
probabilities. The gradient itself is autograd's of log sum_A P(A|alpha) p(A). Bias and noise are in parts of its
length: the bias of the mean estimate, and the root-mean-square distance of one estimate from that mean. `centred` takes
1/K from each weight. `--write` keeps what is printed in `results/estimator_bias.txt`.
"""

from __future__ import annotations

import argparse

from recording import recorded
from torch import Tensor

from support.estimator_reference import Weigh, by_accuracy, by_likelihood, small_space
from tsdsl.searching.distribution.importance import alpha_weights

SAMPLES = (2, 4, 8, 14, 16, 32)


def centred(weigh: Weigh) -> Weigh:
    return lambda scores_K: alpha_weights(weigh(scores_K), True)


def row(name: str, weigh: Weigh, exact_L: Tensor) -> str:
    cells = []
    for num_samples in SAMPLES:
        mean_L, noise = small_space().expected_estimate(num_samples, weigh)
        length = float(exact_L.norm())
        cells.append(f"{float((mean_L - exact_L).norm()) / length:.3f} / {noise / length:.2f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    space = small_space()
    by_score, by_tilt = space.gradient(space.scores_A.exp()), space.gradient((space.scores_A / 0.1).exp())
    with recorded("estimator_bias", arguments.write):
        print("| weights, bias / noise | " + " | ".join(f"K = {number}" for number in SAMPLES) + " |")
        print("| --- |" + " ---: |" * len(SAMPLES))
        print(row("likelihood, T = 1", by_likelihood, by_score))
        print(row("the same, centred", centred(by_likelihood), by_score))
        print(row("accuracy, literal", by_accuracy("literal"), space.gradient(space.scores_A)))
        print(row("accuracy, softmax, T = 0.1", by_accuracy("softmax", 0.1), by_tilt))
        print(row("the same, centred", centred(by_accuracy("softmax", 0.1)), by_tilt))


if __name__ == "__main__":
    main()
