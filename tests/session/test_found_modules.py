"""Where the files of a script's own modules are found: on the path, through hooks and links, where the script says."""

from pathlib import Path

import pytest

import stepper
from tests.session.support import LAYERS, TWO_FILES, inside, script


@pytest.mark.parametrize("folder_of_packages", ["site-packages", "libs"])
def test_modules_on_the_path_are_the_scripts_own_and_installed_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_of_packages: str
) -> None:
    """`pip install --target libs` leaves there what it installed, and what tells of it."""
    elsewhere, installed = tmp_path / "elsewhere", tmp_path / folder_of_packages
    (installed / "bought-1.0.dist-info").mkdir(parents=True)
    for folder, name in ((elsewhere, "layers.py"), (installed, "bought.py")):
        folder.mkdir(exist_ok=True)
        script(folder, LAYERS, name)
    monkeypatch.setenv("PYTHONPATH", f"{elsewhere}:{installed}")
    source = TWO_FILES.replace("w = 1.0", "import bought\nw = 1.0").replace("** 2", "** 2 + 0 * bought.double(w)")
    with stepper.open(script(tmp_path, source)) as run:
        record = run.iteration(0).record
    assert inside(record, "layers.py") and not inside(record, "bought.py")


def test_modules_that_a_hook_finds_are_the_scripts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As setuptools' editable installations do it: a finder of their own, and no entry of the path."""
    hook, elsewhere = tmp_path / "hook", tmp_path / "elsewhere"
    (elsewhere / "lab").mkdir(parents=True)
    hook.mkdir()
    script(elsewhere / "lab", "from .layers import double\n", "__init__.py")
    script(elsewhere / "lab", LAYERS, "layers.py")
    finder = f"""
        import sys
        from importlib.util import spec_from_file_location

        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "lab":
                    folder = {str(elsewhere / "lab")!r}
                    return spec_from_file_location(name, folder + "/__init__.py", submodule_search_locations=[folder])

        sys.meta_path.append(Finder)
        """
    script(hook, finder, "sitecustomize.py")
    monkeypatch.setenv("PYTHONPATH", str(hook))
    with stepper.open(script(tmp_path, TWO_FILES.replace("from layers", "from lab"))) as run:
        assert inside(run.iteration(0).record, "layers.py")
    script(elsewhere / "lab", TWO_FILES.replace("from layers", "from .layers"), "train.py")
    with stepper.open(module="lab.train") as run:
        assert inside(run.iteration(0).record, "layers.py")


def test_modules_are_found_where_the_path_leads_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, link, installed = tmp_path / "elsewhere", tmp_path / "link", tmp_path / "site-packages"
    elsewhere.mkdir()
    link.symlink_to(elsewhere)
    script(elsewhere, LAYERS, "layers.py")
    path = script(tmp_path, TWO_FILES)
    monkeypatch.setenv("PYTHONPATH", str(link))
    with stepper.open(path) as run:
        assert next(event.file for event in inside(run.iteration(0).record, "layers.py")) == str(link / "layers.py")
    installed.symlink_to(elsewhere)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    with stepper.open(path) as run:
        assert not inside(run.iteration(0).record, "layers.py")


def test_a_module_that_the_script_writes_before_it_imports_it_is_what_was_written(tmp_path: Path) -> None:
    script(tmp_path, LAYERS, "layers.py")
    source = f"from pathlib import Path\nPath(__file__).with_name('layers.py').write_text({LAYERS.replace('2', '3')!r})"
    with stepper.open(script(tmp_path, source + TWO_FILES)) as run:
        it = run.iteration(0)
        assert it.loss == 9.0 and not inside(it.record, "layers.py")


@pytest.mark.parametrize("place", ["os.path.join(os.path.dirname(__file__), '..', 'src')", "'src'"])
def test_modules_in_places_that_the_script_adds_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for folder in ("src", "tools"):
        (tmp_path / folder).mkdir()
    script(tmp_path / "src", LAYERS, "layers.py")
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path / "tools", f"import os, sys\nsys.path.insert(0, {place})\n{TWO_FILES}")
    with stepper.open(path) as run:
        assert inside(run.iteration(0).record, "layers.py")
