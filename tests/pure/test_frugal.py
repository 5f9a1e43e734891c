"""Memory that runs out costs size and not the run."""

import errno

import pytest
from nextgenface.engine.errors import Cancelled, PhotoError
from nextgenface.engine.frugal import frugally, halved
from nextgenface.engine.memory import is_out_of_memory
from nextgenface.engine.progress import STAGE_SHARES
from nextgenface.engine.reporter import RememberingReporter, SilentReporter
from nextgenface.engine.settings import Settings


def _caused(error, cause):
    error.__cause__ = cause
    return error


OUT = {
    "Python": MemoryError(),
    "the system": OSError(errno.ENOMEM, "Cannot allocate memory"),
    "PyTorch on a GPU": RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "PyTorch": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    "Dr.Jit": RuntimeError("jit_malloc(): out of memory! Could not allocate 4294967296 bytes"),
    "C++": RuntimeError("std::bad_alloc"),
    "an error of ours": _caused(PhotoError("The photo cannot be read."), MemoryError()),
}
OTHERS = [
    None,
    RuntimeError("a fault"),
    OSError(errno.ENOSPC, "full"),
    PhotoError("out of memory.png is damaged."),
    KeyError("x"),
]


@pytest.mark.parametrize("name", OUT)
def test_too_little_memory_is_known_whoever_tells_it(name):
    assert is_out_of_memory(OUT[name])


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


class Fit:
    """Runs out of memory in ``stage`` while ``enough`` says no."""

    def __init__(self, stage, enough, error=None):
        self.stage, self.enough, self.error = stage, enough, error or MemoryError()
        self.sizes, self.notes = [], []

    def __call__(self, settings, reporter, notes):
        self.sizes.append((settings.fit_size, settings.texture_size))
        self.notes = list(notes)
        for stage in STAGE_SHARES:
            reporter.progress(stage, 0, 1)
            if stage == self.stage and not self.enough(settings):
                raise self.error
        return "result"


@pytest.mark.parametrize("stage", STAGE_SHARES)
@pytest.mark.parametrize("error", list(OUT.values()), ids=list(OUT))
def test_in_every_stage_a_size_is_halved_and_the_run_begins_again(stage, error):
    fit, told = (
        Fit(stage, lambda now: now.fit_size * now.texture_size < 512 * 1024, error),
        RememberingReporter(SilentReporter()),
    )
    assert frugally(fit, Settings(), told) == "result"
    of_maps = stage in ("stage3", "textures", "render", "write")
    assert fit.sizes == [(512, 1024), (512, 512) if of_maps else (256, 1024)]
    said = "texture_size is halved from 1024 to 512" if of_maps else "fit_size is halved from 512 to 256"
    assert fit.notes == told.warnings
    assert said in fit.notes[0]


def test_it_goes_down_to_the_least_sizes_and_then_gives_up():
    fit = Fit("stage3", lambda now: False)
    with pytest.raises(MemoryError):
        frugally(fit, Settings(texture_size=600), SilentReporter())
    assert fit.sizes == [(512, 600), (512, 300), (512, 256), (256, 256), (128, 256)]
    assert len(fit.notes) == 4


@pytest.mark.parametrize("error", [Cancelled(), RuntimeError("a fault")])
def test_whatever_else_ends_a_run_ends_it(error):
    fit = Fit("stage2", lambda now: False, error)
    with pytest.raises(type(error)):
        frugally(fit, Settings(), SilentReporter())
    assert len(fit.sizes) == 1


def test_nothing_is_left_of_the_failed_fit_when_the_next_one_begins():
    import weakref

    class Large:
        pass

    seen = []

    def fit(settings, reporter, notes):
        if seen:
            return seen[0]()
        large = Large()
        seen.append(weakref.ref(large))
        raise MemoryError

    assert frugally(fit, Settings(), SilentReporter()) is None


def test_the_least_sizes_are_those_that_the_settings_allow():
    least = Settings(fit_size=128, texture_size=256)
    assert halved(least, "stage3") is None
    assert halved(Settings(fit_size=129, texture_size=257), "write").texture_size == 256
