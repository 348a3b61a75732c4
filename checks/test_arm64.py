"""Tests that `make arm64` fails if it runs no tests."""

import unittest

import arm64

PASSED = "running 3 tests\ntest collects::a ... ok\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 20 filtered out\n"


class Tests(unittest.TestCase):
    def test_run_with_passed_tests_counts(self):
        arm64.require_tests(PASSED)

    def test_run_without_tests_is_error(self):
        for printed in ["", PASSED.replace("3 passed", "0 passed")]:
            with self.assertRaisesRegex(SystemExit, "no test ran"):
                arm64.require_tests(printed)

    def test_skipped_test_is_error(self):
        with self.assertRaisesRegex(SystemExit, "a test did not run: skipped: `SLACKTRAIL_MOTO` is not set"):
            arm64.require_tests("test skipped: `SLACKTRAIL_MOTO` is not set\n" + PASSED)

    def test_each_filter_names_module_of_its_test(self):
        for _, test, module in arm64.TESTS:
            path = arm64.ROOT / "tests/tests" / test / f"{module.removesuffix('::')}.rs"
            self.assertIn("test]", path.read_text())


if __name__ == "__main__":
    unittest.main()
