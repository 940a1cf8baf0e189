"""What tests measure is shown, although they run in processes whose output is lost."""

from pathlib import Path

import pytest

pytest_plugins = "pytester"


def test_shown_at_the_end(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of all processes stand together, under their tests, also of a test that failed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("way", ["on foot", "by bicycle"])
        def test_way(report, way):
            report.append(f"{way}: 5 ms")

        def test_failing(report):
            report.append("too long")
            assert False
        """
    )
    # No other plugin has a part in it, and each takes its time to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = ("-p", "tests.measured", "-p", "xdist")
    result = pytester.runpytest_subprocess(*options, "-n", "2")
    result.stdout.fnmatch_lines(
        [
            "*= measured =*",
            "test_shown_at_the_end.py::test_failing",
            "  too long",
            "test_shown_at_the_end.py::test_way",
            "*= 1 failed, 2 passed in *",
        ]
    )
    result.stdout.fnmatch_lines_random(["  on foot: 5 ms", "  by bicycle: 5 ms"])
    assert "measured" not in str(pytester.runpytest_subprocess(*options, "-k", "nothing").stdout)
