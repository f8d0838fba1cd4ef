"""A demo begins by removing its folder, so that no other may be open there."""

from pathlib import Path

import pytest

from trueup.cli.demo import _alone, _prepare
from trueup.errors import ConfigError


def test_of_two_demos_in_one_folder_the_second_is_turned_away(tmp_path: Path) -> None:
    folder = tmp_path / "hidden" / "demo"
    with _alone(folder):
        config, _ = _prepare(folder)
        kept = config.data_dir.parent / "trueup.toml"
        with pytest.raises(ConfigError, match="is open"), _alone(folder):
            pytest.fail("it would remove what the other one works on")
        assert kept.exists()
    with _alone(folder):
        _prepare(folder)


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    with pytest.raises(ConfigError, match="not made by the demo"), _alone(folder):
        _prepare(folder)
    assert (folder / "mine.txt").exists()
