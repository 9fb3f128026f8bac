"""What a test needs and the machine lacks: a skip for a developer, a failure in CI, a reason in both."""

import pytest

from tests.support.requirements import require_program

ABSENT = 'no-such-program-anywhere'


def test_a_program_is_found() -> None:
    assert require_program('sh').is_absolute()


def test_an_absent_program_is_a_skip_for_a_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('CI', raising=False)
    with pytest.raises(pytest.skip.Exception, match=f'{ABSENT} is not installed'):
        require_program(ABSENT)


def test_an_absent_program_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CI', 'true')
    with pytest.raises(pytest.fail.Exception, match=f'{ABSENT} is not installed'):
        require_program(ABSENT)
