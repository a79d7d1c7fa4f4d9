"""`stepper list`: every variant, with all that can be chosen."""

import json

import pytest

from stepper.cli import main
from stepper.variants import VARIANTS


def test_text_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for variant in VARIANTS.values():
        assert f"{variant.name} {variant.style}" in text
        assert variant.description in text
        for preset in variant.presets:
            assert f"preset {preset}:" in text
    assert "N=64 D_in=1000 H=100 D_out=10 learning_rate=1e-6" in text


def test_json_has_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--format", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(VARIANTS)
    row = rows["autograd"]
    assert row["devices"] == ["cpu", "cuda"]
    assert "autograd" in row["engines"]
    assert row["settings"]["N"] == 64
    assert row["settings"]["dtype"] == "torch.float32"
    assert row["presets"]["double"] == {"dtype": "float64", "iterations": 50}
    assert row["description"]
