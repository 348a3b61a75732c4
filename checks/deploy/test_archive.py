"""Tests the release archives: template, bytes and contents. test_deployment.py deploys an archive."""

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import template
from samtranslator.yaml_helper import yaml_parse

sys.path.insert(0, str(template.ROOT / "release"))
import archive  # noqa: E402
import check  # noqa: E402
import components  # noqa: E402
import dist  # noqa: E402
from package import FUNCTIONS, packaged, replaced  # noqa: E402
from reproducible import environment, target  # noqa: E402


class Template(unittest.TestCase):
    def test_packaged_template_differs_in_code_and_architecture_only(self):
        written = (template.ROOT / "template.yaml").read_text()
        for architecture in dist.TARGETS:
            changed, wanted = yaml_parse(packaged(written, architecture)), yaml_parse(written)
            parameter = wanted["Parameters"]["Architecture"]
            parameter |= {"Default": architecture, "AllowedValues": [architecture]}
            parameter["Description"] = changed["Parameters"]["Architecture"]["Description"]
            del wanted["Globals"]["Function"]["CodeUri"]
            for name, binary in FUNCTIONS.items():
                del wanted["Resources"][name]["Metadata"]
                wanted["Resources"][name]["Properties"]["CodeUri"] = f"{binary}.zip"
            self.assertEqual(changed, wanted)

    def test_every_function_of_template_is_packaged(self):
        resources = template.written()["Resources"].items()
        functions = {name for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}
        self.assertEqual(functions, set(FUNCTIONS))

    def test_changed_template_is_error(self):
        with self.assertRaisesRegex(ValueError, "0 places that match 'nothing'"):
            replaced("text", "nothing", "")


class Bytes(unittest.TestCase):
    def test_archives_depend_on_content_only(self):
        files = {"b": b"2", "a": b"1"}
        one, other = archive.tar("folder", files), archive.tar("folder", dict(sorted(files.items())))
        self.assertEqual(one, other)
        with tarfile.open(fileobj=io.BytesIO(one)) as opened:
            self.assertEqual([(it.name, it.mtime, it.uid) for it in opened], [("folder/a", 315532800, 0), ("folder/b", 315532800, 0)])
        self.assertEqual(gzip.decompress(one)[:8], b"folder/a")
        self.assertEqual(one[4:8], bytes(4), "the time in the gzip header")

    def test_function_is_executable_bootstrap(self):
        with zipfile.ZipFile(io.BytesIO(archive.zip_bootstrap(b"binary"))) as opened:
            (entry,) = opened.infolist()
            self.assertEqual((entry.filename, entry.external_attr >> 16, entry.date_time), ("bootstrap", 0o100755, archive.TIME))
            self.assertEqual(opened.read(entry), b"binary")


class Flags(unittest.TestCase):
    def test_build_replaces_paths_and_keeps_processor_flags(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            (folder / "src").mkdir()
            (folder / "src/main.rs").write_text('fn main() { println!("{}", file!()); }\n')
            (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n')
            # cargo-lambda passes flags like this.
            command = ["cargo", "build", "--offline", "--verbose", "--config", 'build.rustflags=["--cfg", "processor"]']
            variables = environment(folder) | {"CARGO_TARGET_DIR": str(folder / "target")}
            built = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
        self.assertIn("--cfg processor", built.stderr)
        self.assertIn(f"--remap-path-prefix={folder}=/slacktrail", built.stderr)

    def test_longest_path_is_replaced_last(self):
        flags = environment(Path("/a"))["CARGO_BUILD_RUSTFLAGS"].split()
        lengths = [len(flag.split("=")[1]) for flag in flags]
        self.assertEqual(lengths, sorted(lengths))


class Command(unittest.TestCase):
    def built(self, host: str) -> tuple[list[str], Path]:
        """Returns Cargo's arguments on a host with this target, and the packaged file."""
        with mock.patch.object(dist, "host", return_value=host), mock.patch.object(dist, "build") as build:
            binary = dist.build_command()
        return list(build.call_args.args), binary

    def test_linux_command_links_against_glibc_of_releases(self):
        workflow = (template.ROOT / ".github/workflows/release.yml").read_text()
        self.assertIn(f"release/check.py dist/*.tar.gz --glibc {dist.GLIBC} ", workflow)
        arguments, binary = self.built("aarch64-unknown-linux-gnu")
        self.assertEqual((arguments[1], arguments[-2:]), ("zigbuild", ["--target", f"aarch64-unknown-linux-gnu.{dist.GLIBC}"]))
        self.assertEqual(binary, target() / "aarch64-unknown-linux-gnu/release/slacktrail")

    def test_macos_command_is_linked_by_system(self):
        arguments, binary = self.built("aarch64-apple-darwin")
        self.assertEqual((arguments[1], arguments[-2:]), ("build", ["--target", "aarch64-apple-darwin"]))
        self.assertEqual(binary, target() / "aarch64-apple-darwin/release/slacktrail")

    def test_linking_against_older_glibc_rejects_newer_symbols(self):
        """Builds a program with a function of glibc 2.36, and a program without it."""
        triple = dist.host()
        if not triple.endswith("-linux-gnu"):
            self.skipTest("only Linux has glibc")
        call = 'unsafe extern "C" {\n    fn arc4random() -> u32;\n}\nfn main() { println!("{}", unsafe { arc4random() }); }\n'
        for source, works in [("fn main() {}\n", True), (call, False)]:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name).resolve()
                (folder / "src").mkdir()
                (folder / "src/main.rs").write_text(source)
                (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n')
                path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
                variables = os.environ | {"CARGO_TARGET_DIR": str(folder / "target"), "PATH": path}
                command = ["cargo", "zigbuild", "--offline", "--target", f"{triple}.{dist.GLIBC}"]
                done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode == 0, works, done.stderr)
                if works:
                    needed = check.needed_glibc((folder / "target" / triple / "debug/small").read_bytes())
                    self.assertLessEqual(needed, check.version(dist.GLIBC))


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        packages = [f"slacktrail-{binary}" for binary in FUNCTIONS.values()]
        cls.crates = components.crates(packages, dist.TARGETS["arm64"])

    def test_bill_of_materials_lists_exactly_shipped_crates(self):
        names = {crate.name for crate in self.crates}
        self.assertLessEqual({"aws-sdk-s3", "lambda_runtime", "serde_json", "tokio"}, names)
        self.assertFalse({"serde_derive", "insta", "clap", "slacktrail-poller"} & names, "build, test, CLI or workspace crates")

    def test_bill_of_materials_is_valid_cyclonedx(self):
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        document = components.bill_of_materials("slacktrail-0.1.0-arm64", "0.1.0", self.crates)
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(document.decode()))
        self.assertEqual(document, components.bill_of_materials("slacktrail-0.1.0-arm64", "0.1.0", self.crates))

    def test_licenses_name_every_crate(self):
        text = components.licenses(self.crates).decode()
        for crate in self.crates:
            self.assertIn(f"{crate.name} {crate.version} (", text)

    def test_missing_standard_library_is_reported_with_hint(self):
        with tempfile.TemporaryDirectory() as folder:
            rustc = Path(folder) / "rustc"
            rustc.write_text(f"#!/bin/sh\necho {folder}\n")
            rustc.chmod(0o755)
            path = f"{folder}{os.pathsep}{os.environ['PATH']}"
            command = [sys.executable, template.ROOT / "release/dist.py", "--output", folder, "--architectures", "arm64"]
            done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: Rust's standard library for arm64 is not installed", done.stderr)
        self.assertIn("`make dist ARCHITECTURES=x86_64`", done.stderr)


PROGRAM = b"\x7fELF" + bytes(14) + b"\xb7\0" + b"\0GLIBC_2.34\0GLIBC_2.9\0"


def small_archive(**changed: bytes) -> dict[str, bytes]:
    """Returns the files of a small archive with functions for arm64. `changed` replaces files."""
    crates = [{"name": f"crate{number}", "version": "1.0.0"} for number in range(60)]
    bill = {"metadata": {"component": {"name": "slacktrail-0.1.0-arm64"}}, "components": crates}
    files = {
        "README.md": b"# Title\n[there](docs/other.md#a-heading)\n",
        "docs/other.md": b"## A heading\n",
        "sbom.cdx.json": json.dumps(bill).encode(),
        "THIRD_PARTY_LICENSES.txt": "".join(f"{crate['name']} 1.0.0 (MIT)\n" for crate in crates).encode(),
        "template.yaml": b"CodeUri: poller.zip\nCodeUri: oauth.zip\n",
        "samconfig.toml": b"",
        "poller.zip": archive.zip_bootstrap(PROGRAM),
        "oauth.zip": archive.zip_bootstrap(PROGRAM),
    }
    return files | changed


class Check(unittest.TestCase):
    def checked(self, files: dict[str, bytes]) -> str:
        """Writes and checks an archive, and returns the output or the error of the check."""
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                dist.write(Path(folder), {"slacktrail-0.1.0-arm64.tar.gz": archive.tar("slacktrail-0.1.0-arm64", files)})
            except SystemExit as ended:
                return str(ended.code)
        return printed.getvalue()

    def test_complete_archive_passes(self):
        self.assertIn("checked: poller 42 bytes", self.checked(small_archive()))

    def test_broken_archives_are_errors(self):
        cases = {
            "poller is not built for arm64": {"poller.zip": archive.zip_bootstrap(PROGRAM.replace(b"\xb7", b"\x3e"))},
            "oauth needs a newer glibc": {"oauth.zip": archive.zip_bootstrap(PROGRAM.replace(b"2.9", b"2.35"))},
            "README.md links to a.md#, which is not in the archive": {"README.md": b"[a](a.md)"},
            "README.md links to ../a.md#, which is not in the archive": {"README.md": b"[a](../a.md)"},
            "README.md links to #no, but that heading does not exist": {"README.md": b"[a](#no)"},
            "template.yaml does not refer to poller.zip": {"template.yaml": b"CodeUri: .\n"},
            "does not name crate0": {"THIRD_PARTY_LICENSES.txt": b""},
        }
        for message, changed in cases.items():
            with self.subTest(message):
                self.assertIn(message, self.checked(small_archive(**changed)))

    def test_command_archive_has_man_page_of_each_command(self):
        """Runs the checks on a script that behaves like the command."""
        script = (
            "#!/bin/sh\ncase $1 in\n--version) echo slacktrail 0.1.0;;\n"
            "--help) printf 'Usage: slacktrail\\n\\nCommands:\\n  status  Show\\n  help    Help\\n\\nOptions:\\n';;\n"
            'man) echo page > "$2/slacktrail.1"; echo page > "$2/slacktrail-status.1";;\nesac\n'
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "-".join(["slacktrail-0.1.0-command", *check.this_machine()])
            (folder / "man").mkdir(parents=True)
            program = folder / "slacktrail"
            program.write_text(script)
            program.chmod(0o755)
            for page, content in dist.man_pages(program).items():
                (folder / page).write_bytes(content)
            with mock.patch.object(check, "processor", return_value=check.this_machine()[1]):
                self.assertIn("runs", check.check_command(folder, None))
                (folder / "man/slacktrail-status.1").unlink()
                with self.assertRaisesRegex(check.Broken, "man/slacktrail-status.1 is missing"):
                    check.check_command(folder, None)

    def test_archive_missing_from_sums_is_error(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "slacktrail-0.1.0-arm64.tar.gz"
            path.write_bytes(archive.tar("slacktrail-0.1.0-arm64", small_archive()))
            path.with_name("SHA256SUMS").write_text(f"{'0' * 64}  {path.name}\n")
            with self.assertRaisesRegex(SystemExit, "SHA256SUMS does not list it"):
                check.check(path)

    def test_archive_documents_link_only_to_its_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in dist.documents().items():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).write_bytes(content)
            check.check_links(Path(folder))


if __name__ == "__main__":
    unittest.main()
