"""The lock of all packages: it agrees with the lists, and what it names, and nothing else, is installed."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import install
import lock
import lockfile
import model
import own_lock
import pytest
from lockfile import ENGINE_LISTS, PLATFORMS, Wheel

ROOT = Path(__file__).resolve().parents[2]


def small_wheel(folder, name="small", text="WORD = 'locked'", version="1.0"):
    """A wheel of one module, and the lock's entry for it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: numpy\n"
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
        (lambda scipy, _: scipy["files"][0]["targets"].append("linux-x64-cp313"), "scipy has 2 entries"),
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


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_all_packages_for_the_python_of_blender_5_1_and_later(platform):
    found = {wheel.name: wheel.version for wheel in lockfile.wheels_for(platform, (3, 13), (*ENGINE_LISTS, "fan"))}
    before = {wheel.name: wheel.version for wheel in lockfile.wheels_for(platform, (3, 11), (*ENGINE_LISTS, "fan"))}
    assert found["numpy"].startswith("2.") and found["torch"] == before["torch"]
    assert model.is_needed(found.items()) and not model.is_needed(before.items())
    differing = {name for name in found if found[name] != before.get(name)} | (before.keys() - found.keys())
    assert differing == {"numpy", "mediapipe", "certifi", "attrs", "protobuf"}, "the rest is the same on both"


def test_what_gave_the_results_so_far_stays_as_it_is():
    found = {wheel.name: wheel.version for wheel in lockfile.wheels_for("linux-x64", (3, 11), ENGINE_LISTS)}
    assert (found["numpy"], found["mediapipe"], found["torch"]) == ("1.26.4", "0.10.21", "2.13.0+cpu")


def test_a_python_without_packages_is_told_with_a_way_out():
    with pytest.raises(
        lockfile.LockError, match=r"no packages for linux-x64 with Python 3\.12.*Use Python 3\.11 or 3\.13"
    ):
        lockfile.wheels_for("linux-x64", (3, 12), ENGINE_LISTS)
    with pytest.raises(lockfile.LockError, match="no packages for linux-arm64"):
        lockfile.wheels_for("linux-arm64", (3, 11), ENGINE_LISTS)


def test_wheels_of_one_s_own_take_the_place_of_the_locked_ones(tmp_path):
    (tmp_path / "torch-2.13.0+mine-cp313-cp313-linux_x86_64.whl").write_bytes(b"mine")
    (tmp_path / "what_it_needs-1.0-py3-none-any.whl").write_bytes(b"more")
    path = tmp_path / "lock.json"
    path.write_text(json.dumps(own_lock.with_own(lockfile.read(), tmp_path, "linux-x64-cp313")), "utf-8")
    lists = [lockfile.wheels_for("linux-x64", (3, 13), ENGINE_LISTS, lock) for lock in (path, lockfile.LOCK)]
    mine, usual = ({wheel.name: wheel for wheel in wheels} for wheels in lists)
    assert len(mine) == len(lists[0]), "each package once"
    assert mine["torch"].version == "2.13.0+mine" and mine["torch"].is_whole(tmp_path)
    assert mine.keys() - usual.keys() == {"what-it-needs"}
    assert {name for name in usual if usual[name] != mine[name]} == {"torch"}
    others = [lockfile.wheels_for("linux-x64", (3, 11), ENGINE_LISTS, lock) for lock in (path, lockfile.LOCK)]
    assert others[0] == others[1]


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
    """The interpreter of an environment of its own, with pip."""
    return new_environment(tmp_path_factory.mktemp("environment"))


def new_environment(folder, *options):
    made = subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], capture_output=True)
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


def own_pip(environment):
    """The pip of ``environment`` as a wheel, made of its files."""
    code = "import pip, pathlib; print(pip.__version__, pathlib.Path(pip.__file__).parent, sep='|')"
    said = subprocess.run([str(environment), "-I", "-c", code], capture_output=True, text=True).stdout.strip()
    version, _, package = said.partition("|")
    return version, Path(package)


def test_an_environment_without_pip_gets_the_locked_one(environment, tmp_path):
    """Debian's Python makes environments without."""
    version, package = own_pip(environment)
    wheel = tmp_path / f"pip-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in (package, package.with_name(f"pip-{version}.dist-info")):
            for file in folder.rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts and file.name not in ("INSTALLER", "REQUESTED"):
                    archive.write(file, file.relative_to(package.parent))
    bare = new_environment(tmp_path / "bare", "--without-pip")
    wheels = [Wheel("pip", "installer", wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest())]
    code = f"import sys, pathlib; sys.path.insert(0, {str(ROOT / 'wheels')!r}); import install\n"
    code += f"install.bring_pip([install.Wheel{(wheels[0].name, wheels[0].list, wheels[0].file, wheels[0].sha256)!r}], "
    code += f"pathlib.Path({str(tmp_path)!r})); import pip; print(pip.__version__)"
    done = subprocess.run([str(bare), "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == [version], done.stderr


def test_a_python_without_any_pip_is_told_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(install.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    with pytest.raises(install.InstallError, match=r"has no pip .*python3-venv"):
        install.bring_pip([], tmp_path)


def test_the_model_s_file_is_checked_before_anything_is_installed(tmp_path, monkeypatch):
    calls = calls_of_pip(monkeypatch)
    wheel = small_wheel(tmp_path, "mediapipe", version="1.2.3")
    with pytest.raises(install.InstallError, match=r"lacks face_landmarker\.task"):
        install.install([wheel], tmp_path, offline=True)
    (tmp_path / "face_landmarker.task").write_bytes(b"another file")
    with pytest.raises(install.InstallError, match=r"lacks face_landmarker\.task, or has other files"):
        install.install([wheel], tmp_path, offline=True)
    assert calls == []


def test_a_mediapipe_without_models_gets_the_file_and_one_with_models_does_not(tmp_path, monkeypatch):
    calls_of_pip(monkeypatch)
    said, task_file = [], model._engine("landmarks.task_file")
    monkeypatch.setattr(install, "bring_pip", lambda *_: None)
    monkeypatch.setattr(install, "_say", said.append)
    monkeypatch.setattr(task_file, "engine_models", lambda: tmp_path / "environment")
    monkeypatch.setattr(model, "is_whole", lambda folder: (folder / "face_landmarker.task").is_file())
    monkeypatch.setattr(model, "download", lambda folder: (folder / "face_landmarker.task").write_bytes(b"model"))
    install.install([small_wheel(tmp_path, "mediapipe", version="0.10.21")], tmp_path, offline=False)
    assert not (tmp_path / "environment").exists()
    install.install([small_wheel(tmp_path, "mediapipe", version="1.2.3")], tmp_path, offline=False)
    assert (tmp_path / "environment" / "face_landmarker.task").read_bytes() == b"model"
    assert said[1] == "1 of 2: face_landmarker.task, MediaPipe's face landmarker, license Apache-2.0"


def test_a_download_of_the_model_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(
        model._engine("landmarks.task_file"), "MODEL", model._engine("downloads").RemoteFile("m", "ftp://x", "")
    )
    with pytest.raises(model.ModelError, match="not a safe address"):
        model.download(tmp_path)


def test_it_needs_nothing_beside_the_standard_library():
    command = [sys.executable, "-I", "-S", str(ROOT / "wheels" / "install.py"), "--help"]
    assert subprocess.run(command, capture_output=True).returncode == 0
