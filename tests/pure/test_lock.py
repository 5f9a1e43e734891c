"""The lock of all packages: it agrees with the lists, and what it names, and nothing else, is installed."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import install
import lock
import lockfile
import pytest
from lockfile import ENGINE_LISTS, PLATFORMS, Wheel

ROOT = Path(__file__).resolve().parents[2]


def small_wheel(folder, name="small", text="WORD = 'locked'"):
    """A wheel of one module, and the lock's entry for it."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: numpy\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(name, "engine", path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def calls_of_pip(monkeypatch, code=0):
    """Stand in for pip; returns the commands it gets."""
    calls = []

    def run(command, **_options):
        calls.append([*command, Path(command[-1]).read_text("utf-8")])
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(install.subprocess, "run", run)
    return calls


def test_the_lock_agrees_with_the_lists():
    assert list(lock.problems(lockfile.read())) == []


def damaged(change):
    data = copy.deepcopy(lockfile.read())
    change(next(package for package in data["packages"] if package["name"] == "scipy"), data)
    return list(lock.problems(data))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda scipy, data: data["packages"].remove(scipy), "scipy is not locked"),
        (lambda scipy, _: scipy["files"].pop(), "scipy has 0 entries"),
        (lambda scipy, _: scipy["files"][0].update(sha256=""), "has no SHA-256"),
        (lambda scipy, _: scipy["files"][0].update(file="scipy-1.0-cp311-cp311-win_amd64.whl"), "is not scipy==1"),
        (lambda scipy, _: scipy.update(list="test"), "not in test.txt"),
        (lambda scipy, _: scipy.update(name="other"), "other is locked and in no list"),
    ],
)
def test_what_does_not_agree_is_told(change, told):
    assert any(told in problem for problem in damaged(change))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_all_packages_for_the_python_of_blender_4_2_to_5_0(platform):
    wheels = lockfile.wheels_for(platform, (3, 11), (*ENGINE_LISTS, "fan"))
    names = [wheel.name for wheel in wheels]
    assert {"numpy", "torch", "mitsuba", "drjit", "mediapipe", "pip", "face-alignment"} <= set(names)
    assert len(names) == len(set(names))
    assert ("karellen-llvm-core" in names) == (platform == "linux-x64")
    torch = next(wheel for wheel in wheels if wheel.name == "torch")
    assert ("+cpu" in torch.version) == (platform == "linux-x64"), "elsewhere the main index has the CPU build"


def test_a_python_without_packages_is_told_with_a_way_out():
    with pytest.raises(lockfile.LockError, match=r"3\.13 has no packages for .*mediapipe.*Use Python 3\.11"):
        lockfile.wheels_for("linux-x64", (3, 13), ENGINE_LISTS)
    with pytest.raises(lockfile.LockError, match="no packages for linux-arm64"):
        lockfile.wheels_for("linux-arm64", (3, 11), ENGINE_LISTS)


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [("win32", "AMD64", "windows-x64"), ("darwin", "arm64", "macos-arm64"), ("linux", "x86_64", "linux-x64")],
)
def test_platforms_are_known_by_what_python_calls_them(monkeypatch, system, machine, name):
    monkeypatch.setattr(lockfile.sys, "platform", system)
    monkeypatch.setattr(lockfile.platform, "machine", lambda: machine)
    assert lockfile.this_platform() == name
    assert name in PLATFORMS


def test_the_lock_names_no_host():
    text = lockfile.LOCK.read_text("utf-8")
    assert "://" not in text and "/" not in text


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The interpreter of an environment of its own."""
    folder = tmp_path_factory.mktemp("environment")
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("this Python makes no environments with pip")
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def install_from(environment, folder, wheel):
    """Run the installer's own code in ``environment`` for one wheel."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'wheels')!r}); import install, pathlib\n"
        f"install.wheels_for = lambda *_: [install.Wheel{(wheel.name, wheel.list, wheel.file, wheel.sha256)!r}]\n"
        f"sys.exit(install.main(['--offline', {str(folder)!r}]))"
    )
    return subprocess.run([str(environment), "-I", "-c", code], capture_output=True, text=True)


def test_it_installs_from_a_folder_and_nothing_that_is_asked_for_besides(environment, tmp_path):
    wheel = small_wheel(tmp_path)
    done = install_from(environment, tmp_path, wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1: unpacking small" in done.stdout
    code = "import small, importlib.util as u; print(small.WORD, u.find_spec('numpy'))"
    assert (
        subprocess.run([str(environment), "-I", "-c", code], capture_output=True, text=True).stdout == "locked None\n"
    )


def test_a_file_with_another_content_is_refused(environment, tmp_path):
    wheel = small_wheel(tmp_path, "changed")
    small_wheel(tmp_path, "changed", "WORD = 'evil'")
    done = install_from(environment, tmp_path, wheel)
    assert done.returncode == 1
    assert "lacks changed, or has other files" in done.stdout
    assert subprocess.run([str(environment), "-I", "-c", "import changed"], capture_output=True).returncode != 0


def test_pip_checks_the_hash_too(environment, tmp_path, monkeypatch):
    """What is changed between our look and pip's is refused as well."""
    wheel = small_wheel(tmp_path, "late")
    small_wheel(tmp_path, "late", "WORD = 'evil'")
    monkeypatch.setattr(install, "_PIP", (str(environment), *install._PIP[1:]))
    with pytest.raises(install.InstallError, match="could not install late"):
        install._pip("install", [wheel], "--no-index", "--find-links", str(tmp_path))


def test_a_broken_download_goes_on_where_it_stopped(tmp_path, monkeypatch):
    there, lacking = (
        small_wheel(tmp_path, "there"),
        Wheel("lacking", "engine", "lacking-1.0-py3-none-any.whl", "0" * 64),
    )
    calls = calls_of_pip(monkeypatch, code=1)
    with pytest.raises(install.InstallError, match="could not download lacking"):
        install.install([there, lacking], tmp_path, offline=False)
    assert [call[-1] for call in calls] == [lacking.requirement() + "\n"]
    assert (tmp_path / there.file).is_file()


def test_nothing_is_downloaded_offline(tmp_path, monkeypatch):
    calls = calls_of_pip(monkeypatch)
    with pytest.raises(install.InstallError, match="lacks lacking"):
        install.install([Wheel("lacking", "engine", "lacking-1.0-py3-none-any.whl", "0" * 64)], tmp_path, offline=True)
    assert calls == []


@pytest.mark.parametrize("own", ["", "https://packages.example/whl"])
def test_pytorch_s_own_index_is_asked_where_it_is_named_and_asked_for_where_not(tmp_path, monkeypatch, own):
    monkeypatch.setenv(install.TORCH_INDEX, own)
    calls = calls_of_pip(monkeypatch, code=1)
    with pytest.raises(
        install.InstallError, match="PyTorch Index in the add-on's preferences, or in NEXTGENFACE_TORCH_INDEX; or use"
    ):
        install.download(Wheel("torch", "engine", "torch-1.0+cpu-py3-none-any.whl", "0" * 64), tmp_path)
    indexes = [call[call.index("--extra-index-url") + 1] if "--extra-index-url" in call else "" for call in calls]
    assert indexes == [own]
    assert all("--require-hashes" in call and "--no-deps" in call for call in calls)


@pytest.mark.parametrize(
    "own", ["http://packages.example", "file:///tmp", "-r /etc/passwd", "https://me:word@x.example"]
)
def test_no_other_index_than_one_by_https_is_asked(tmp_path, monkeypatch, own):
    monkeypatch.setenv(install.TORCH_INDEX, own)
    calls = calls_of_pip(monkeypatch)
    with pytest.raises(install.InstallError, match="begins with https://"):
        install.download(Wheel("torch", "engine", "torch-1.0+cpu-py3-none-any.whl", "0" * 64), tmp_path)
    assert calls == []


def test_the_locked_pip_comes_first(tmp_path, monkeypatch):
    wheels = [small_wheel(tmp_path, "one"), Wheel("pip", "installer", "pip-1.0-py3-none-any.whl", "0" * 64)]
    calls = calls_of_pip(monkeypatch)
    monkeypatch.setattr(Wheel, "is_whole", lambda *_: True)
    install.install(wheels, tmp_path, offline=True)
    assert [call[-1].partition("==")[0] for call in calls] == ["pip", "one"]


def test_it_needs_nothing_beside_the_standard_library():
    command = [sys.executable, "-I", "-S", str(ROOT / "wheels" / "install.py"), "--help"]
    assert subprocess.run(command, capture_output=True).returncode == 0
