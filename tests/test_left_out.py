"""Test the summary of skipped tests."""

from __future__ import annotations

from tests.left_out import EXTRA, REASON, table


def test_counts_skipped_tests_by_program_with_one_install_command() -> None:
    reasons = [
        "Skipped: " + REASON.format(program="chromium", packages="chromium"),
        "Skipped: " + REASON.format(program="promtool", packages="prometheus"),
        "Skipped: " + REASON.format(program="chromium", packages="chromium"),
        "Skipped: cuda-fp16 cannot run on this machine",
    ]

    assert table(reasons) == [
        "     2 tests need chromium",
        "     1 tests need promtool",
        "to run them: apt-get install --no-install-recommends chromium prometheus",
    ]


def test_python_package_has_a_separate_install_command() -> None:
    extra = EXTRA.format(package="pillow-heif", command="make setup HEIF=yes")

    assert table([extra]) == [
        "     1 tests need pillow-heif",
        "to run them: make setup HEIF=yes",
    ]
    assert table([extra, REASON.format(program="chromium", packages="chromium")])[-1] == (
        "to run them: apt-get install --no-install-recommends chromium && make setup HEIF=yes"
    )


def test_prints_nothing_if_nothing_is_missing() -> None:
    assert table(["Skipped: cuda-fp16 cannot run on this machine"]) == []
