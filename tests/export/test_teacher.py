"""The teacher: what it is fed with, what it is trained for, and that a cut run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.errors import UsageError
from export import teacher as api
from export.captions.spatial import Caption, claims_of, claims_true, write_captions
from export.scenes import shards
from export.scenes.studio import SCENE_S, SILENT, Truth
from export.settings import FEATURES
from export.teacher import trainer as trainer_module
from export.teacher.config import Model, Spatial, TeacherConfig, Text, Training, read_config
from export.teacher.distributed import join, join_array
from export.teacher.examples import (
    LAG,
    Example,
    Examples,
    Hearing,
    feed,
    main_steps,
    turn,
)
from export.teacher.intensity import Intensity
from export.teacher.losses import Where, place_losses
from export.teacher.pairs import DryClips, Pairs, pair
from export.teacher.spatial import Place, SpatialTower
from export.teacher.train import Run, main, make_accelerator
from export.teacher.trainer import TeacherTrainer
from export.towers.losses import contrast_loss

LABELS = ("dog", "rain", "door knock")
WIDTH = 24  # of the pooled sentences
CONFIGS = Path("export/teacher/configs")
SAMPLES = int(SCENE_S * FEATURES.rate)


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Accelerate keeps its precision for the life of a process; tests want several."""
    from accelerate.state import AcceleratorState, GradientState

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(True)
    GradientState._reset_state()


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger that averages its input over time and multiplies."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 1, (128, n)).astype(np.float32), name)
        for n, name in ((527, "to_logits"), (384, "to_features"))
    ]
    axes = numpy_helper.from_array(np.array([1, 3]), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["mel", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "to_logits"], ["logits"]),
        helper.make_node("MatMul", ["mean", "to_features"], ["features"]),
    ]
    shapes: dict[str, list[str | int | None]] = {
        "mel": ["B", 1, 128, "T"],
        "logits": ["B", 527],
        "features": ["B", 384],
    }
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()]
    graph = helper.make_graph(nodes, "tagger", infos[:1], infos[1:], [*weights, axes])
    opsets = [helper.make_opsetid("", 18)]
    path = tmp_path_factory.mktemp("tagger") / "tagger.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP of random weights, as its users have it on disk."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        ClapAudioConfig,
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapTextConfig,
        PreTrainedTokenizerFast,
    )

    directory = tmp_path_factory.mktemp("clap")
    words = sorted({word for c in write_captions(LABELS, 1) for word in c.text.split()})
    vocabulary = {word: i for i, word in enumerate(["<s>", "<pad>", "<unk>", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(directory)
    audio = ClapAudioConfig(
        num_mel_bins=16, window_size=4, spec_size=64, patch_size=2, patch_stride=[2, 2],
        hidden_size=32, patch_embeds_hidden_size=16, depths=[1, 1], num_attention_heads=[2, 2],
        num_hidden_layers=2, projection_dim=16,
    )  # fmt: skip
    text = ClapTextConfig(
        vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=140, projection_dim=16,
    )  # fmt: skip
    torch.manual_seed(0)
    ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=16)).save_pretrained(
        directory
    )
    ClapFeatureExtractor(
        feature_size=16, sampling_rate=8000, hop_length=256, max_length_s=SCENE_S,
        fft_window_size=512, frequency_max=4000, truncation="rand_trunc",
    ).save_pretrained(directory)  # fmt: skip
    return directory


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `export.prepare` leaves, from sounds and rooms made here."""
    folder = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    length = FEATURES.rate
    pitches = np.repeat([300.0, 900.0, 2000.0], 4)
    time = np.arange(length) / FEATURES.rate
    tones = [np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.3, length) for pitch in pitches]
    held = np.arange(12) % 4 == 0
    np.savez(
        folder / "clips.npz",
        samples=np.int16(12_000 * np.concatenate(tones)),
        bounds=np.arange(13) * length,
        label=np.repeat(np.arange(3), 4),
        labels=np.array(LABELS),
        unseen_labels=np.array([], np.str_),
        unseen=np.zeros(12, bool),
        validation=held,
        features=rng.normal(0, 1, (12, 384)).astype(np.float16),
        logits=rng.normal(-3, 2, (12, 527)).astype(np.float16),
        about=np.array(["{}"] * 12),
    )
    azimuth = rng.uniform(-180, 180, 16)
    direction = direction_from_angles(azimuth, np.zeros(16))
    responses = np.zeros((16, 4, 600), np.float16)
    responses[:, :, 100] = plane_wave(direction)
    np.savez(
        folder / "rooms.npz",
        responses=responses,
        direction=direction.astype(np.float32),
        distance=rng.uniform(0.5, 4, 16).astype(np.float32),
        t30=rng.uniform(0.1, 1.5, 16).astype(np.float32),
        floor=np.where(np.arange(16) % 3, rng.uniform(10, 200, 16), np.nan).astype(np.float32),
        path=np.full(16, -1),
        validation=np.arange(16) < 4,
    )
    claims = claims_of(captions := write_captions(LABELS, 1))
    codes = rng.normal(0, 1, (6, 9, WIDTH))  # pooled so that what is claimed can be read off
    pooled = sum(codes[i, column] for i, column in enumerate(claims.T))
    texts = np.array([caption.text for caption in captions])
    tags = rng.normal(0, 1, (527, WIDTH)).astype(np.float16)
    np.savez(folder / "captions.npz", texts=texts, claims=claims, pooled=np.float16(pooled),
             tag_pooled=tags)  # fmt: skip
    return folder


def settings(tagger: Path, **training: Any) -> TeacherConfig:
    """A teacher that trains in seconds."""
    spatial = Spatial(
        4000, 128, 64, 2000.0, True, channels=4, blocks=3, hidden=(16,), place=8, flow=True
    )
    model = replace(Model(SCENE_S, 32, spatial=spatial), text=Text("sentences", "nowhere"))
    model = replace(model, semantic=replace(model.semantic, path=str(tagger)))
    small: dict[str, Any] = {
        "spatial_steps": 2, "joint_steps": 4, "batch": 4, "workers": 0, "warm_up": 1,
        "precision": "no", "recombine": 0.5, "dry": 3, "measure_every": 4, "measured_scenes": 4,
    }  # fmt: skip
    config = TeacherConfig(model, Training(**small | training))
    return replace(config, weights=replace(config.weights, label=1.0, tag_names=1.0))


def with_clap(config: TeacherConfig, clap: Path, train: bool) -> TeacherConfig:
    """The same with a CLAP in both plugs."""
    model = replace(
        config.model,
        semantic=replace(config.model.semantic, kind="clap", path=str(clap), train=train),
        text=Text("clap", str(clap), train),
    )
    return replace(
        config,
        model=model,
        training=replace(config.training, dry=0),
        weights=replace(config.weights, tag_names=0.0),
    )


def write(config: TeacherConfig, path: Path) -> Path:
    """The settings as a user would write them."""
    said = json.loads(json.dumps(asdict(config)))
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    return path


def a_batch(config: TeacherConfig, work: Path, count: int) -> Example:
    """The first scenes of training."""
    return next(examples(config, work, count))


def examples(config: TeacherConfig, work: Path, batch: int) -> Iterator[Example]:
    """Batches of scenes of training."""
    scenes = Examples(work, Hearing(config.model), False, 0.75, 1)
    return feed(scenes, replace(config.training, batch=batch), 0)


def foa_from(azimuths: Sequence[float], rate: int = 16_000, seconds: float = 0.5) -> Tensor:
    """Noise (n, 4, samples) as plane waves from azimuths in degrees."""
    noise = np.random.default_rng(1).normal(0, 0.1, int(rate * seconds))
    gains = plane_wave(direction_from_angles(np.array(azimuths), 0.0))
    return torch.from_numpy(gains[:, :, None] * noise).float()


# settings


@pytest.mark.parametrize("name", ["clap", "tagger"])
def test_shipped_settings_are_valid(name: str) -> None:
    assert read_config(CONFIGS / f"{name}.yaml").model.semantic.kind == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {bacth: 3}", "training.bacth is unknown: did you mean training.batch?"),
        ("modle: {}", "modle is unknown: did you mean model?"),
        ("training: {xyz: 3}", "training.xyz is unknown: there are spatial_steps, "),
        ("training: {batch: many}", "training.batch is 'many': a whole number is needed"),
        ("training: {batch: true}", "training.batch is True: a whole number is needed"),
        ("training: 3", "training is 3: keys are needed"),
        ("training: {batch: 6, reuse: 4}", "training.batch 6 is no multiple of reuse=4"),
        ("training: {precision: fp8}", "training.precision 'fp8' is unknown: choose no | bf16"),
        ("model: {spatial: {hidden: 3}}", "model.spatial.hidden is 3: a list of whole numbers"),
        ("model: {semantic: {train: true}}", "set it to false, or model.semantic.kind to clap"),
        ("model: {spatial: {highest_hz: 9000}}", "at most half of rate=16000 is needed"),
        ("{model: {text: {train: true}}, weights: {tag_names: 1}}", "weights.tag_names 1.0 needs"),
        ("{model: {semantic: {kind: clap}}, training: {dry: 8}}", "training.dry 8 needs"),
        ("model: [", "cannot read the settings"),
    ],
)
def test_wrong_settings_name_key_and_cure(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_config(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_settings_can_be_changed_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("training: {learning_rate: 1e-3}")
    config = read_config(tmp_path / "a.yaml", ["training.batch=8", "model.text.path=x"])
    assert config.training.learning_rate == 0.001
    assert (config.training.batch, config.model.text.path) == (8, "x")
    with pytest.raises(UsageError, match="KEY=VALUE is needed"):
        read_config(tmp_path / "a.yaml", ["training.batch"])


def test_a_missing_tower_is_one_line_and_a_usage_error(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(settings(tmp_path / "absent.onnx"), tmp_path / "c.yaml")
    with pytest.raises(SystemExit) as stopped:
        main([str(config), str(work), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "absent.onnx' is not there" in said
    assert "--set model.semantic.path=" in said


# intensity and sizes


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, -90.0, 30.0])
def test_active_intensity_points_to_a_plane_wave(azimuth: float) -> None:
    active, reactive, flow = Intensity(Spatial())(foa_from([azimuth]))
    inside = active[0, :, 4:-4]  # the edges are half silence
    towards = torch.from_numpy(direction_from_angles(azimuth, 0.0)).float()
    assert inside == pytest.approx(towards[:, None, None].expand_as(inside).numpy(), abs=2e-3)
    assert float(reactive.abs().max()) < 1e-3
    assert flow[0] == pytest.approx(towards.numpy(), abs=2e-3)


def test_intensity_is_bounded_and_owes_nothing_to_level() -> None:
    torch.manual_seed(0)
    foa = torch.randn(1, 4, 8000)
    foa[:, 1] = torch.roll(foa[:, 0], 7)  # where W is nearly nought, others are not
    loud, quiet = (torch.cat(Intensity(Spatial())(gain * foa)[:2], 1) for gain in (1.0, 1e-3))
    active, reactive = loud.chunk(2, 1)
    assert float((active.square().sum(1) + reactive.square().sum(1)).max()) <= 1 + 1e-5
    assert loud == pytest.approx(quiet.numpy(), abs=1e-4)
    assert active.norm(dim=1).mean() < 0.75  # the length still tells diffuse from plane
    assert torch.cat(Intensity(Spatial())(torch.zeros(1, 4, 800))[:2]).abs().max() == 0


def test_sizes_are_those_of_the_paper() -> None:
    tower = SpatialTower(Spatial(), 10.0)
    assert (tower.intensity.frames(tower.samples), tower.intensity.bins) == (1601, 201)
    assert tower.active.width == 1200
    parts = (tower.active, tower.reactive, tower.mlp)
    count = sum(p.numel() for part in parts for p in part.parameters())
    assert count == pytest.approx(338_000, rel=1e-3)


# losses


def place_at(azimuth: float, leaf: Tensor | None = None) -> Place:
    direction = leaf if leaf is not None else towards(azimuth)[None]
    direction = direction / direction.norm(dim=-1, keepdim=True)
    nothing = torch.zeros(1)
    return Place(nothing, direction, nothing, nothing, nothing)


def towards(azimuth: float) -> Tensor:
    return torch.from_numpy(direction_from_angles(azimuth, 0.0)).float()


def where_at(azimuth: float) -> Where:
    return Where(towards(azimuth)[None], *(torch.tensor([np.nan]) for _ in range(3)))


def test_direction_loss_does_not_tear_at_180_degrees() -> None:
    across = place_losses(place_at(179), where_at(-179))["direction"]
    ahead = place_losses(place_at(1), where_at(-1))["direction"]
    assert float(across) == pytest.approx(float(ahead), rel=1e-4)
    assert float(across) == pytest.approx(2 * np.sin(np.radians(1)), rel=1e-4)


@pytest.mark.parametrize(("said", "truth"), [(179.0, -179.0), (-178.0, 178.0), (1.0, -1.0)])
def test_direction_gradient_takes_the_short_way(said: float, truth: float) -> None:
    leaf = towards(said)[None].requires_grad_()
    loss = place_losses(place_at(said, leaf), where_at(truth))["direction"]
    (gradient,) = torch.autograd.grad(loss, leaf)
    moved = leaf.detach() - 0.01 * gradient
    azimuth = np.degrees(np.arctan2(float(moved[0, 1]), float(moved[0, 0])))
    apart = abs((azimuth - truth + 180) % 360 - 180)
    assert apart < abs((said - truth + 180) % 360 - 180) - 0.3  # and small errors still pull


def test_what_is_not_known_trains_nothing() -> None:
    log = torch.zeros(2, requires_grad=True)
    place = Place(log, torch.eye(3)[:2], log, log, log)
    known = torch.tensor([1.0, np.nan])
    where = Where(torch.eye(3)[:2], known * np.e, known * np.nan, known)
    losses = place_losses(place, where)
    assert [round(losses[k].item(), 5) for k in ("distance", "floor", "t30")] == [1, 0, 0]
    (gradient,) = torch.autograd.grad(losses["distance"] + losses["floor"], log)
    assert gradient.tolist() == [-1, 0]


# scenes


def test_turned_scenes_stay_true() -> None:
    """Left is left in the sound, in the truth and in the captions, whatever the turn."""
    azimuths = [0.0, 90.0, -90.0, 180.0, 40.0, -130.0]
    nothing = torch.zeros(6)
    batch = Example(
        foa_from(azimuths), nothing, nothing.long(), nothing.long(),
        torch.from_numpy(direction_from_angles(np.array(azimuths), 0.0)).float(),
        nothing + 1, nothing * np.nan, nothing * np.nan,
    )  # fmt: skip
    captions = [Caption("a dog on the left", 0, 2), Caption("a dog on the right", 0, 6)]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        turned = turn(batch, rng)
        flow = Intensity(Spatial())(turned.foa).flow
        flow = flow / flow.norm(dim=1, keepdim=True)
        assert flow == pytest.approx(turned.direction.numpy(), abs=5e-3)
        assert not torch.allclose(turned.direction, batch.direction, atol=0.1)
        true = claims_true(
            pair(turned, 0, rng).attributes(turned), claims_of(captions), np.eye(1, dtype=bool)
        )
        left = turned.foa[:, 1].mul(turned.foa[:, 0]).sum(1).numpy()  # Y in phase with W
        assert (left[true[:, 0]] > 0).all()
        assert (left[true[:, 1]] < 0).all()
        assert true.any()


def test_recombined_sounds_are_heard_at_other_places() -> None:
    number, rng = torch.arange(8), np.random.default_rng(0)
    value = number.float()
    direction = torch.from_numpy(direction_from_angles(10.0 * number.numpy(), 0.0)).float()
    batch = Example(value, value, number, number, direction, value, value, value)
    pairs = pair(batch, 0.5, rng)
    assert pairs.heard.long().tolist() == pairs.label.tolist() == number.tolist()
    assert int((pairs.places != number).sum()) == 4
    assert sorted(pairs.places.tolist()) == number.tolist()
    attributes = pairs.attributes(batch)
    assert attributes.azimuth_deg == pytest.approx(10.0 * pairs.places.numpy(), abs=1e-4)
    assert attributes.label.tolist() == number.tolist()
    assert torch.equal(pair(batch, 0.0, rng).places, number)


def test_dry_clips_join_at_the_places_of_the_scenes(work: Path) -> None:
    pairs = Pairs(torch.zeros(4, 384), torch.arange(4), torch.arange(4), torch.arange(4))
    joined = DryClips(work).join(pairs, 50, np.random.default_rng(0))
    assert joined.places.tolist()[:4] == [0, 1, 2, 3]
    assert set(joined.places.tolist()) == {0, 1, 2, 3}
    with np.load(work / "clips.npz") as clips:
        dry = joined.clip[4:].numpy()
        assert not clips["validation"][dry].any()
        assert (clips["label"][dry] == joined.label[4:].numpy()).all()
        assert (clips["features"][dry] == joined.heard[4:].numpy()).all()


def truth_of(clips: Sequence[int]) -> Truth:
    clip = np.array(clips)
    values = np.ones(len(clips), np.float32)
    direction = np.tile(np.array([1, 0, 0], np.float32), (len(clips), 1))
    return Truth(label=clip, clip=clip, direction=direction, distance=values, t30=values,
                 floor=values)  # fmt: skip


def test_a_scene_needs_one_main_sound() -> None:
    assert main_steps(truth_of([SILENT] * 4), 0.75) is None
    assert main_steps(truth_of([1, 1, 2, 2]), 0.75) is None
    steps = main_steps(truth_of([SILENT, 5, 5, 2, 5]), 0.75)
    assert steps is not None
    assert steps.tolist() == [1, 2, 4]


def test_an_example_is_as_the_room_says(work: Path, tagger: Path) -> None:
    config = settings(tagger)
    scenes = Examples(work, Hearing(config.model), False, 0.75, 1)
    for index in range(3):
        example = scenes[index]
        assert example.foa.shape == (4, 4 * config.model.spatial.rate)
        assert example.heard.shape == (384,)
        assert float(example.direction.norm()) == pytest.approx(1, abs=1e-5)
        again = scenes[index]
        assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(example, again,
                   strict=True))  # fmt: skip


def test_scenes_come_from_shards_too(work: Path, tagger: Path, tmp_path: Path) -> None:
    write_shards = [str(work), str(tmp_path / "s"), "--scenes", "4", "--shard-size", "4"]
    assert shards.main(write_shards) == 0
    hearing = Hearing(settings(tagger).model)
    example = Examples(work, hearing, False, 0.5, 1, str(tmp_path / "s"))[0]
    assert example.foa.shape == (4, 4 * hearing.settings.spatial.rate)
    assert float(example.foa.abs().max()) > 0
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / "clips.npz", labels=np.array(["cat"]))
    with pytest.raises(UsageError, match="knows other labels than"):
        Examples(tmp_path / "other", hearing, False, 0.5, 1, str(tmp_path / "s"))[0]


class Numbers:
    """Scenes whose label is their number."""

    def __getitem__(self, index: int) -> Example:
        empty = torch.zeros(0)
        return Example(empty, empty, torch.tensor(index), *[empty] * 5)


def labels_fed(first: int, passes: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    training = Training(batch=8, reuse=4, workers=0)
    batches = feed(cast(Examples, Numbers()), training, first, rank, world)
    return [next(batches).label.tolist() for _ in range(passes)]


def test_feed_starts_anywhere_and_uses_each_scene_as_often() -> None:
    fed = labels_fed(0, 5 * LAG)
    assert labels_fed(7, 3) == fed[7:10]
    numbers, counts = np.unique(fed, return_counts=True)
    full = (numbers >= 3 * LAG * 2) & (numbers < 5 * LAG * 2)  # neither head nor tail
    assert (counts[full] == 4).all()
    assert full.any()


def test_processes_share_the_scenes_out() -> None:
    one, other = (np.array(labels_fed(3, 4, rank, 2)) for rank in (0, 1))
    assert not np.intersect1d(one, other).size


# training


def test_training_goes_through_both_stages_and_resumes_exactly(
    work: Path, tagger: Path, tmp_path: Path
) -> None:
    config = settings(tagger)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    Run(config, work, tmp_path / "whole").go_on()
    for until in (1, 3, None):  # within each stage
        Run(config, work, tmp_path / "cut").go_on(until)
    whole, cut = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        for name in ("whole", "cut")
    )
    assert (whole["step"], cut["step"]) == (6, 6)
    for key, value in whole["model"].items():
        assert torch.equal(value, cut["model"][key]), key
    lines = [json.loads(line) for line in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert {"contrast", "label", "tag_names", "direction", "t30"} <= lines[-2].keys() | lines[
        -1
    ].keys()
    assert any("label_top1" in line for line in lines)
    assert (tmp_path / "whole/curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_checkpoint_of_other_settings_is_refused(
    work: Path, tagger: Path, tmp_path: Path
) -> None:
    config = settings(tagger)
    Run(config, work, tmp_path).go_on(1)
    other = replace(config, model=replace(config.model, fusion=48))
    with pytest.raises(UsageError, match="model.fusion 32 there, 48 here"):
        Run(other, work, tmp_path)


def test_the_command_trains_and_the_teacher_answers(
    work: Path, tagger: Path, tmp_path: Path
) -> None:
    config = write(settings(tagger), tmp_path / "c.yaml")
    main([str(config), str(work), "--out", str(tmp_path / "out")])
    teacher = api.load(tmp_path / "out" / "checkpoint.pt")
    foa = np.random.default_rng(0).normal(0, 0.1, (2, 4, SAMPLES)).astype(np.float32)
    embedding, direction = teacher.embed_sound(foa), teacher.direction(torch.from_numpy(foa))
    assert (embedding.shape, direction.shape) == ((2, 512), (2, 3))
    assert embedding.norm(dim=1) == pytest.approx([1, 1], abs=1e-5)
    assert direction.norm(dim=1) == pytest.approx([1, 1], abs=1e-5)
    assert teacher.embed_sound(foa[:1]) == pytest.approx(embedding[:1].numpy(), abs=1e-5)
    assert teacher.embed_text(torch.randn(3, WIDTH)).shape == (3, 512)
    with pytest.raises(UsageError, match="holds no sentences text tower"):
        teacher.embed_text(["a dog"])
    with pytest.raises(UsageError, match="cut it"):
        teacher.embed_sound(np.zeros((1, 4, SAMPLES + 1), np.float32))


def test_a_missing_teacher_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="python -m export teacher"):
        api.load(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("train", [True, False])
def test_clap_is_a_plug(work: Path, tagger: Path, clap: Path, tmp_path: Path, train: bool) -> None:
    config = with_clap(settings(tagger, spatial_steps=0, joint_steps=1), clap, train)
    run = Run(config, work, tmp_path)
    before = {k: v.clone() for k, v in run.trainer.model.state_dict().items()}
    run.go_on()
    after = run.trainer.model.state_dict()
    for tower in ("semantic.audio.", "reader.text.", "fusion.", "spatial."):
        moved = any(not torch.equal(before[k], after[k]) for k in before if k.startswith(tower))
        assert moved == (train or tower in ("fusion.", "spatial.")), tower
    teacher = api.load(tmp_path / "checkpoint.pt")
    texts = teacher.embed_text(["rain on the left", "a dog"])
    assert texts.norm(dim=1) == pytest.approx([1, 1], abs=1e-5)
    assert float(texts[0] @ texts[1]) < 0.999
    with pytest.raises(UsageError, match="give it the texts"):
        teacher.embed_text(torch.zeros(1, 24))
    foa = np.random.default_rng(0).normal(0, 0.1, (1, 4, SAMPLES)).astype(np.float32)
    run.trainer.model.eval()
    spatial, heard = (torch.from_numpy(part)[None] for part in Hearing(config.model)(foa[0]))
    said = run.trainer.model(spatial, heard).sound
    assert teacher.embed_sound(foa) == pytest.approx(said.detach().numpy(), abs=1e-5)


def test_bfloat16_computes_the_same_roughly(work: Path, tagger: Path) -> None:
    from accelerate.state import AcceleratorState

    losses: list[dict[str, float]] = []
    computed: list[torch.dtype] = []
    for precision in ("no", "bf16"):
        config = settings(tagger, spatial_steps=0, precision=precision)
        trainer = TeacherTrainer(config, work, make_accelerator(config))
        trainer.model.fusion[0].register_forward_hook(lambda _, __, out: computed.append(out.dtype))
        losses.append(trainer.train_on([a_batch(config, work, 4)]))
        AcceleratorState._reset_state(True)
    assert computed == [torch.float32, torch.bfloat16]
    assert losses[1] == pytest.approx(losses[0], rel=0.05, abs=0.03)


def flat(model: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_accumulated_gradients_are_those_of_a_bigger_batch(
    work: Path, tagger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plain(model: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
        return torch.optim.SGD([{"params": list(model.parameters()), "peak": 0.1}], 0.1)

    monkeypatch.setattr(trainer_module, "_optimizer", plain)
    monkeypatch.setattr(trainer_module, "turn", lambda batch, rng: batch)
    config = settings(tagger)
    batches = examples(config, work, 4)
    parts = [next(batches)._replace(floor=torch.ones(4)) for _ in range(2)]
    whole = Example(*(torch.cat(column) for column in zip(*parts, strict=True)))
    weights = []
    for accumulate, shown in ((2, parts), (1, [whole])):
        config = settings(tagger, accumulate=accumulate)
        trainer = TeacherTrainer(config, work, make_accelerator(config))
        trainer.model.eval()  # the norms of a batch see only that batch
        before = flat(trainer.model)
        trainer.train_on(shown)
        weights.append(flat(trainer.model))
        assert float((weights[-1] - before).abs().max()) > 1e-3
    assert weights[0] == pytest.approx(weights[1].numpy(), abs=1e-6)


# several processes


def contrast_of_two(sound: Tensor, text: Tensor) -> Tensor:
    return contrast_loss(sound, text, torch.tensor(5.0), torch.eye(4, dtype=torch.bool))


def one_of_two(rank: int, store: str, out: str) -> None:
    """What a process does with its half of the sounds; as the launcher would start it."""
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    mine = slice(2 * rank, 2 * rank + 2)
    weight = torch.ones(6, requires_grad=True)
    sound, text = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    torch.autograd.backward(contrast_of_two(join(sound[mine] * weight), join(text[mine] * weight)))
    assert weight.grad is not None
    torch.distributed.all_reduce(weight.grad)
    if rank == 0:
        torch.save({"gradient": weight.grad / 2}, out)
        assert join_array(np.arange(2) + 2 * rank).tolist() == [0, 1, 2, 3]
    else:
        join_array(np.arange(2) + 2 * rank)
    torch.distributed.destroy_process_group()


def test_two_processes_make_one_contrast(tmp_path: Path) -> None:
    context = torch.multiprocessing.get_context("spawn")
    out = tmp_path / "gradient.pt"
    args = (str(tmp_path / "store"), str(out))
    processes = [context.Process(target=one_of_two, args=(rank, *args)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    weight = torch.ones(6, requires_grad=True)
    sound, text = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    torch.autograd.backward(contrast_of_two(sound * weight, text * weight))
    assert weight.grad is not None
    gathered = torch.load(out, weights_only=True)["gradient"]
    assert gathered == pytest.approx(weight.grad.numpy(), abs=1e-6)
