"""Multi-view evaluation: exact averages, honest counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from support.memory_clips import NUM_CLASSES, MemoryViews, pictures, tiny_blueprint, tiny_space
from tsdsl.data import ClipSettings, ViewBatch, normalise
from tsdsl.engine.evaluation.evaluate import evaluate, evaluate_views
from tsdsl.engine.evaluation.predict import mean_scores
from tsdsl.engine.evaluation.view_cost import resized, view_macs
from tsdsl.engine.training_data import fitted_clip_settings, parsed_views, with_views
from tsdsl.errors import RunError, UsageError
from tsdsl.lowering.model import Model
from tsdsl.network.cost import network_cost
from tsdsl.network.layout import Blueprint
from tsdsl.space.parts import Scale


def tiny_model(seed: int = 0) -> Model:
    model = Model(tiny_blueprint().network({}), seed=seed).eval()
    with torch.no_grad():
        model.get_parameter("head.classifier.classifier.weight").mul_(100.0)
    return model


def test_scores_are_softmax_averaged_over_views() -> None:
    model, clips = tiny_model(), torch.stack([pictures(i, views=3) for i in range(4)])
    for clips_per_forward in (1, 5, 32):
        scores_BK = mean_scores(model, clips, clips_per_forward)
        for video in range(4):
            expected_K = torch.zeros(NUM_CLASSES, dtype=torch.float64)
            for view in range(3):
                with torch.no_grad():
                    logits_K = model(normalise(clips[video, view : view + 1]))[0].double()
                expected_K += logits_K.exp() / logits_K.exp().sum() / 3
            torch.testing.assert_close(scores_BK[video], expected_K, rtol=1e-5, atol=1e-7)


def test_averaging_scores_is_not_averaging_logits() -> None:
    """One sure view outweighs two slightly contrary ones in logits, not in scores."""

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[30.0, 0.0], [0.0, 9.0], [0.0, 9.0]])

    scores_BK = mean_scores(Fixed(), torch.zeros(1, 3, 3, 4, 8, 8, dtype=torch.uint8))  # type: ignore[arg-type]
    sure = torch.sigmoid(torch.tensor(9.0, dtype=torch.float64))
    torch.testing.assert_close(scores_BK[0, 1], 2 * sure / 3)


def test_counts_and_accuracies_agree_with_the_predictions() -> None:
    evaluation = evaluate_views(tiny_model(), MemoryViews(num_videos=7, views=2, videos_per_batch=3))
    right = [prediction.ranked[0] == prediction.label for prediction in evaluation.predictions]
    assert evaluation.num_videos == 7
    assert evaluation.views == 2
    assert evaluation.top1 == sum(right) / 7
    assert evaluation.top5 == 1.0
    assert [prediction.video for prediction in evaluation.predictions] == [f"clip{i:02d}.mp4" for i in range(7)]
    first = [ok for ok, prediction in zip(right, evaluation.predictions, strict=True) if prediction.label == 0]
    assert evaluation.per_class["left"] == sum(first) / 3


def test_the_grouping_of_videos_does_not_matter() -> None:
    model = tiny_model()
    one, many = (evaluate_views(model, MemoryViews(videos_per_batch=size)) for size in (1, 4))
    assert [p.ranked for p in one.predictions] == [p.ranked for p in many.predictions]
    for ours, theirs in zip(one.predictions, many.predictions, strict=True):
        assert ours.scores == pytest.approx(theirs.scores, rel=1e-5)


def test_a_class_without_videos_has_no_accuracy() -> None:
    evaluation = evaluate_views(tiny_model(), MemoryViews(num_videos=2))
    assert evaluation.per_class["still"] is None


def test_skipped_videos_are_named_and_count_nowhere() -> None:
    class OneBad(MemoryViews):
        def batches(self) -> Iterator[ViewBatch]:
            for number, batch in enumerate(super().batches()):
                if number == 2:
                    self.skipped.add(Path("clip02.mp4"), "it is truncated")
                else:
                    yield batch

    evaluation = evaluate_views(tiny_model(), OneBad(num_videos=4))
    assert evaluation.num_videos == 3
    assert evaluation.skipped == {"clip02.mp4": "it is truncated"}
    assert evaluation.per_class["still"] is None


def test_flops_are_of_the_size_tested_at_times_the_views() -> None:
    evaluation = evaluate_views(tiny_model(), MemoryViews(num_videos=1, views=2, size_px=20))
    larger = Blueprint(tiny_space(), scale=Scale(name="", size=20)).network({})
    assert evaluation.view_size_px == 20
    assert evaluation.flops_per_view == network_cost(larger).macs
    assert evaluation.flops_per_video == 2 * evaluation.flops_per_view


@pytest.mark.parametrize("size_px", [12, 13, 31])
def test_a_resized_network_is_the_one_laid_out_at_that_size(size_px: int) -> None:
    laid_out = Blueprint(tiny_space(), scale=Scale(name="", size=size_px)).network({})
    network = resized(tiny_blueprint().network({}), size_px)
    assert [(node.shape_in, node.shape) for node in network.nodes] == [
        (node.shape_in, node.shape) for node in laid_out.nodes
    ]
    assert view_macs(network, size_px) == network_cost(laid_out).macs


def test_the_mode_of_the_model_is_restored() -> None:
    model = tiny_model().train()
    evaluate_views(model, MemoryViews(num_videos=1))
    assert model.training


def test_scores_that_are_no_numbers_name_the_video() -> None:
    model = tiny_model()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(RunError, match=r"clip00\.mp4"):
        evaluate_views(model, MemoryViews())


def test_data_with_another_number_of_classes_are_refused() -> None:
    model = Model(Blueprint(tiny_space(), classes=9).network({}))
    with pytest.raises(UsageError, match=r"expected the 9 classes .*got 3"):
        evaluate_views(model, MemoryViews())


def test_clip_settings_with_other_frames_are_refused() -> None:
    with pytest.raises(UsageError, match=r"must have the 4 frames .*got 8"):
        evaluate(tiny_model(), MemoryViews().dataset, clip_settings=ClipSettings(num_frames=8))


@pytest.mark.parametrize(("text", "expected"), [("10x1", (10, 1)), ("10x3", (10, 3)), ("1x1", (1, 1))])
def test_views_are_clips_times_crops(text: str, expected: tuple[int, int]) -> None:
    assert parsed_views(text) == expected
    settings = with_views(ClipSettings(), text)
    assert (settings.test_clips, settings.test_crops) == expected


@pytest.mark.parametrize("text", ["10", "0x1", "10x2", "x3", "tenx1", "10x3x1", "-1x1", ""])
def test_views_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="views"):
        parsed_views(text)


@pytest.mark.parametrize(
    ("recommended_frames", "stride", "num_frames", "rate"), [(32, 8, 32, 2.0), (4, 1, 4, 2.0), (6, 1, 4, 3.0)]
)
def test_clips_fitted_to_a_network_span_the_same_time(
    recommended_frames: int, stride: int, num_frames: int, rate: float
) -> None:
    network = tiny_blueprint().network({})
    fitted = fitted_clip_settings(ClipSettings(num_frames=recommended_frames), network)
    assert (fitted.stride, fitted.num_frames, fitted.rate) == (stride, num_frames, rate)
    assert fitted.frames_per_clip == network.frames
    assert fitted.size_px == network.size
    assert fitted.num_frames * fitted.rate == recommended_frames * 2.0


def test_fixed_sizes_grow_with_the_crop() -> None:
    recommended = ClipSettings(num_frames=4, size_px=24, jitter_px=(28, 32), test_short_px=30)
    fitted = fitted_clip_settings(recommended, tiny_blueprint().network({}))
    assert (fitted.size_px, fitted.jitter_range_px, fitted.test_short_side_px) == (12, (14, 16), 15)
