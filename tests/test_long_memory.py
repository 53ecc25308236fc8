"""The synthetic tasks keep their rules, and their benchmark goes on where it was killed."""

import dataclasses
import itertools

import numpy as np
import pytest

from benchmarks import long_memory, long_memory_report
from benchmarks.journal import Journal
from benchmarks.long_memory_report import Recipe, Run
from benchmarks.results import RESULTS
from benchmarks.synthetic import TASKS
from keras_seq.layers import LSTM, recurrent_layers

QUICK = Recipe(steps=2, batch=4, units=3, test=8)
each_length = pytest.mark.parametrize("length", [10, 11, 27, 200])
each_task = pytest.mark.parametrize("name", TASKS)


def drawn(name, length, count=400, seed=0):
    return TASKS[name].draw(np.random.default_rng(seed), count, length)


@each_length
def test_adding_marks_one_value_of_each_half_and_asks_for_their_sum(length):
    inputs, targets = drawn("adding", length)
    assert inputs.shape == (400, length, 2)
    assert targets.shape == (400, 1)
    assert inputs.dtype == targets.dtype == np.float32
    places = set()
    for sequence, (target,) in zip(inputs, targets, strict=True):
        values, marks = sequence.T
        assert ((values >= 0) & (values < 1)).all()
        first, second = np.flatnonzero(marks)
        assert marks.sum() == 2
        assert first < length // 2 <= second
        assert target == values[first] + values[second]
        places.update((first, second))
    if length < 30:  # so many draws reach every place
        assert places == set(range(length))


@each_length
def test_copy_shows_ten_symbols_and_asks_for_them_after_the_delimiter(length):
    inputs, targets = drawn("copy", length)
    assert inputs.shape == (400, 10 + (length - 1) + 1 + 10)
    for sequence, target in zip(inputs.tolist(), targets.tolist(), strict=True):
        assert sequence[:10] == target
        assert set(target) <= set(range(8))
        assert sequence[10:] == (length - 1) * [8] + [9] + 10 * [8]
    counts = np.bincount(targets.ravel(), minlength=8)
    assert counts.min() > 400  # of 500 on average


@each_length
def test_order_hides_two_symbols_and_asks_which_came_first(length):
    inputs, targets = drawn("order", length)
    assert inputs.shape == (400, length)
    names, classes = {0: "X", 1: "Y"}, ["XX", "XY", "YX", "YY"]
    for sequence, target in zip(inputs.tolist(), targets, strict=True):
        found = [(place, names[s]) for place, s in enumerate(sequence) if s in names]
        (first, a), (second, b) = found
        assert length // 10 <= first < 2 * length // 10
        assert 5 * length // 10 <= second < 6 * length // 10
        assert a + b == classes[target]
        assert (sequence[0], sequence[-1]) == (6, 7)
        others = [s for place, s in enumerate(sequence) if place not in (0, first, second)]
        assert set(others[:-1]) <= {2, 3, 4, 5}
    assert np.bincount(targets).min() > 70  # of 100 on average


@each_task
def test_chance_is_the_score_of_the_best_answer_that_does_not_look(name):
    task = TASKS[name]
    _, targets = drawn(name, 10, 20_000)
    if name == "adding":
        answers = np.ones_like(targets)
    else:
        answers = np.zeros((*targets.shape, task.outputs))
        answers[..., 0] = 1
    assert task.score(targets, answers) == pytest.approx(task.chance, rel=0.05)
    assert task.normalised(task.chance) == 0
    assert not task.solved(task.chance)


@each_task
def test_right_answers_have_the_best_score(name):
    task = TASKS[name]
    _, targets = drawn(name, 10)
    right = targets if name == "adding" else np.eye(task.outputs)[targets]
    score = task.score(targets, right)
    assert task.normalised(score) == 1
    assert task.solved(score)
    wrong = right.copy()
    wrong[:200] = np.roll(right[:200], 1, -1) if name != "adding" else right[:200] + 1
    # Half of the rows are wrong wholly; a squared error of 1 in half of them.
    assert task.score(targets, wrong) == pytest.approx(0.5)


def test_scores_without_a_number_are_no_better_than_chance():
    assert TASKS["adding"].normalised(float("nan")) == 0
    assert not TASKS["adding"].solved(float("nan"))


@each_task
def test_batches_follow_from_the_seed_and_differ_between_parts(name):
    def first(seed=0, part=0):
        recipe = dataclasses.replace(QUICK, seed=seed)
        return [x for x, _ in long_memory.batches(TASKS[name], 20, 3, recipe, part)]

    one, again = first(), first()
    assert len(one) == 3
    np.testing.assert_array_equal(one, again)
    for other in (first(seed=1), first(part=1), one[::-1]):
        assert not any(np.array_equal(a, b) for a, b in zip(one[:1], other[:1], strict=True))


@each_task
def test_the_loop_sees_a_fixed_batch_and_length(name):
    task = TASKS[name]
    model = long_memory.build(task, 12, "gru", QUICK)
    (layer,) = [x for x in model.layers if x.name.startswith("gru")]
    assert layer.input.shape == (4, task.steps(12), task.symbols or 2)
    inputs, targets = drawn(name, 12, 4)
    outputs = np.asarray(model(inputs))
    assert outputs.shape[:-1] == (targets.shape[:-1] if name == "adding" else targets.shape)
    assert outputs.shape[-1] == task.outputs


@pytest.mark.long
def test_a_layer_learns_and_repeats_itself():
    recipe = dataclasses.replace(QUICK, steps=40, batch=32, units=32, test=64)
    run = long_memory.train("order", 12, "lstm", recipe)
    assert run.score > 0.6
    assert run.seconds > 0
    gates = 4 * 32 * (8 + 32 + 1)
    assert run.parameters == gates + 4 * (32 + 1)
    assert long_memory.train("order", 12, "lstm", recipe).score == run.score


class Trainer:
    """Stands in for training, and remembers what for."""

    def __init__(self):
        self.cases = []

    def __call__(self, task, length, layer, recipe):
        self.cases.append((task, length, layer))
        score = (len(self.cases) - 1) / 100
        return Run(task, length, layer, score, 1234, 5.6)


def test_a_killed_benchmark_goes_on_and_gives_the_same_table(tmp_path, capsys):
    cache, trainer = tmp_path / "folder" / "runs.jsonl", Trainer()
    what = ({"adding": [10, 20], "order": [10, 20]}, ["gru", "lstm"])
    runs = long_memory.measure(*what, QUICK, cache, trainer)
    assert len(set(trainer.cases)) == len(trainer.cases) == 8
    whole = cache.read_text()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 8
    # Killed while it wrote the sixth.
    cache.write_text("".join(lines[:5]) + lines[5][:40])
    done = list(trainer.cases)

    class Rest(Trainer):
        def __call__(self, *case):
            self.cases.append(case[:3])
            return runs[done.index(case[:3])]

    rest = Rest()
    again = long_memory.measure(*what, QUICK, cache, rest)
    assert rest.cases == done[5:]
    assert again == runs
    assert long_memory_report.report(again, QUICK) == long_memory_report.report(runs, QUICK)
    capsys.readouterr()
    untouched = Trainer()
    assert long_memory.measure(*what, QUICK, cache, untouched) == runs
    assert untouched.cases == []
    assert capsys.readouterr().out.count("(kept)") == 8


@pytest.mark.parametrize("change", [{"steps": 3}, {"seed": 1}, {"units": 4}, {"batch": 2}])
def test_another_recipe_is_trained_anew(tmp_path, change):
    cache, trainer = tmp_path / "runs.jsonl", Trainer()
    for recipe in (QUICK, dataclasses.replace(QUICK, **change), QUICK):
        long_memory.measure({"copy": [10]}, ["gru"], recipe, cache, trainer)
    assert len(trainer.cases) == 2


def test_a_layer_with_new_defaults_is_trained_anew(monkeypatch):
    before = long_memory.settings_of("copy", 10, "lstm", QUICK)
    assert long_memory.settings_of("copy", 10, "lstm", QUICK) == before
    config = LSTM.get_config
    monkeypatch.setattr(LSTM, "get_config", lambda s: {**config(s), "unit_forget_bias": False})
    after = long_memory.settings_of("copy", 10, "lstm", QUICK)
    assert {k for k in after if after[k] != before[k]} == {"defaults"}


def test_the_journal_is_on_disk_at_once(tmp_path):
    journal = Journal(tmp_path / "a.jsonl")
    assert journal.find({"a": 1}) is None
    journal.add({"a": 1, "b": [2]}, {"score": 0.5})
    assert Journal(tmp_path / "a.jsonl").find({"b": [2], "a": 1}) == {"score": 0.5}
    assert Journal(tmp_path / "a.jsonl").find({"a": 1}) is None


def test_the_section_holds_the_figures():
    runs = [
        Run("adding", 50, "lstm", 0.0099, 17_217, 12.4),
        Run("adding", 200, "lstm", 0.16, 17_217, 25.6),
        Run("adding", 50, "gru", 0.01, 13_121, 9.0),
        Run("adding", 200, "gru", 0.002, 13_121, 17.0),
        Run("order", 50, "lstm", 0.99, 18_948, 7.0),
    ]
    text = long_memory_report.report(runs, Recipe(steps=1500), "picture.png")
    assert "1,500 steps of Adam at 0.003, batch 32" in text
    assert "(picture.png)" in text
    assert "mean squared error 0.1667; solved: below 0.01" in text
    assert "accuracy 0.250; solved: at least 0.99" in text
    lstm = "| `lstm` | 17,217 | **0.0099** | 12 | 0.1600 | 26 |"
    gru = "| `gru` | 13,121 | 0.0100 | 9 | **0.0020** | 17 |"
    assert 0 < text.index(gru) < text.index(lstm)
    assert "| `lstm` | 18,948 | **0.990** | 7 |" in text
    assert "Copy memory" not in text


def test_the_picture_is_drawn(tmp_path):
    runs = [Run(t, n, x, 0.1, 1, 1.0) for t in TASKS for n in (50, 200) for x in ("gru", "lstm")]
    long_memory_report.draw(runs, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_all_layers_of_the_library_are_measured_and_no_others():
    class OfATest(LSTM):
        pass

    assert "of_a_test" in recurrent_layers()
    names = long_memory.own_layers()
    assert "of_a_test" not in names
    assert {"lstm", "gru", "simple_rnn", "ind_rnn", "min_gru", "mut1"} <= set(names)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--layers=gru,lsmt", "There is no recurrent layer 'lsmt'. Did you mean 'lstm'?"),
        ("--tasks=adding,sorting", "There is no task 'sorting'. There are adding, copy, order."),
        ("--lengths=50,9", "'9' is no whole number of 10 or more."),
        ("--steps=0", "'0' is no whole number of 1 or more."),
    ],
)
def test_wrong_options_are_told(option, message, capsys):
    with pytest.raises(SystemExit):
        long_memory.main([option])
    assert message in capsys.readouterr().err


def filled(cache, lengths, layers):
    """A cache in which all of it is finished."""
    journal = Journal(cache)
    for task in lengths:
        for case in itertools.product([task], lengths[task], layers):
            run = Run(*case, 0.125, 321, 4.0)
            journal.add(long_memory.settings_of(*case, Recipe()), dataclasses.asdict(run))


def test_a_part_has_a_section_of_its_own_and_no_picture(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(long_memory, "write_section", lambda *a: written.append(a))
    monkeypatch.setattr(long_memory, "PICTURE", tmp_path / "picture.png")
    cache = tmp_path / "runs.jsonl"
    filled(cache, {task: [400] for task in TASKS}, ["gru", "lstm"])
    long_memory.main(["--lengths", "400", "--layers", "gru, lstm,gru", "--cache", str(cache)])
    ((title, command, body),) = written
    assert title == "Long dependencies, lengths 400, layers gru,lstm"
    assert command == "python -m benchmarks.long_memory --lengths 400 --layers gru,lstm"
    assert "| `gru` | 321 | 0.125 | 4 |" in body
    assert not (tmp_path / "picture.png").exists()
    assert len(cache.read_text().splitlines()) == 6


def test_the_whole_is_written_and_drawn_and_a_dry_run_is_not(tmp_path, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(long_memory, "write_section", lambda *a: written.append(a))
    monkeypatch.setattr(long_memory, "PICTURE", tmp_path / "picture.png")
    monkeypatch.setattr(long_memory, "own_layers", lambda: ["gru"])
    cache = tmp_path / "runs.jsonl"
    filled(cache, long_memory.LENGTHS, ["gru"])
    before = RESULTS.read_text(encoding="utf-8")
    long_memory.main(["--cache", str(cache), "--dry-run"])
    assert "### Copy memory" in capsys.readouterr().out
    assert written == []
    assert not (tmp_path / "picture.png").exists()
    long_memory.main(["--cache", str(cache)])
    ((title, command, body),) = written
    assert (title, command) == ("Long dependencies", "make bench-long-memory")
    assert "(picture.png)" in body
    assert (tmp_path / "picture.png").exists()
    assert RESULTS.read_text(encoding="utf-8") == before
