"""What README and the specification say: links lead somewhere, commands run, citations exist."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import manifest
from manifest.cli import cli
from manifest.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("spec/**/*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(p for top in ("manifest", "spec", "tests") for p in (ROOT / top).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_decision_is_numbered_once_and_has_its_three_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(p.name[:4]) for p in records]
    assert len(set(numbers)) == len(numbers)  # a number is never given twice; one may stay free
    for record in records:
        headings = re.findall(r"^## (.*)$", record.read_text("utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], record.name


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_cited_sections_exist(source: Path) -> None:
    text = re.sub(r"\s*\n\s*(# )?", " ", source.read_text("utf-8"))
    wrong = []
    for page, heading in re.findall(r'(spec/[\w.-]+\.md)(?:, "([^"]+)")?', text):
        path = ROOT / page
        if not path.exists():
            wrong.append(page)
        elif heading and f"# {heading}\n" not in path.read_text("utf-8"):
            wrong.append(f'{page}, "{heading}"')
    assert wrong == []


def test_exit_codes_of_the_page_are_those_of_the_code() -> None:
    page = (ROOT / "spec" / "exit-codes.md").read_text("utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \| [\w ]+ \|", page, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def options_of(command: click.Command) -> set[str]:
    """The options of a command, and of the commands that it groups."""
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    if isinstance(command, click.Group):
        grouped = [command.get_command(click.Context(cli), name) for name in command.commands]
        options = options.union(*(options_of(one) for one in grouped if one is not None))
    return options


def unknown_in(call: str) -> list[str]:
    """The command, or the options, of a call that the program does not have."""
    command: click.Command = cli
    for word in call.split():
        if not isinstance(command, click.Group):
            break
        named = command.get_command(click.Context(cli), word)
        if named is None:
            break
        command = named
    if command is cli:
        return call.split()[:1]
    return [o for o in re.findall(r"(?<!\S)--[a-z][\w-]*", call) if o not in options_of(command)]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    calls = re.findall(r"`manifest ([a-z][^`\n]*)`", page.read_text("utf-8"))
    assert {call: wrong for call in calls if (wrong := unknown_in(call))} == {}


def test_key_words_are_declared_once() -> None:
    declaring = [p for p in PAGES if "RFC 2119" in p.read_text("utf-8")]
    assert [relative(p) for p in declaring] == ["spec/README.md"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One command of a page and what the page says that it prints."""

    command: str
    output: str


_BLOCK = re.compile(r"(<!-- run(?:: (\S+))? -->\n```console\n)(.*?)^```$", re.DOTALL | re.MULTILINE)
# What differs from run to run: a new key, and the day.
_FINGERPRINT = re.compile(r"\b(key +)[0-9a-f]{64}")
_DAY = re.compile(r"\b(As of )[0-9]{4}-[0-9]{2}-[0-9]{2}\b")


def steps(block: str) -> list[Step]:
    """The commands of a block and what it says that they print."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [Step(*part.partition("\n")[::2]) for part in parts]


def commands_of(page: Path) -> list[str]:
    """The commands of a page's marked blocks."""
    return [step.command for b in _BLOCK.findall(page.read_text("utf-8")) for step in steps(b[2])]


def as_pattern(text: str) -> str:
    """What a page prints as a regular expression: … stands for any text within a line."""
    lines = [".*".join(map(re.escape, line.rstrip().split("…"))) for line in text.splitlines()]
    return "\n".join(lines).strip("\n")


def prepare(directory: Path) -> None:
    """What README begins with: a model that nobody has described yet, and a key."""
    example = ROOT / "spec" / "vectors" / "release"
    ours = shutil.ignore_patterns("release.yaml", "manifest.json", "model.sig")
    shutil.copytree(example, directory / "tiny", ignore=ours)
    manifest.generate_key_pair(directory / "key.pem", passphrase=None)


def printed(command: str, where: Path) -> str:
    """What a command prints on a terminal of 100 columns without colours."""
    left_out = {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    kept = {k: v for k, v in os.environ.items() if k not in left_out}
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=where,
        env={**kept, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


@pytest.mark.parametrize("page", [p for p in PAGES if commands_of(p)], ids=relative)
def test_commands_run_and_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    for tool in ("bash", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    prepare(tmp_path)
    wrong = []

    def run(block: re.Match[str]) -> str:
        told = []
        for step in steps(block[3]):
            said = printed(step.command, ROOT / block[2] if block[2] else tmp_path)
            if not re.fullmatch(as_pattern(step.output), said):
                wrong.append(f"`{step.command}` prints\n{said}\nand the page says\n{step.output}")
            shown = _DAY.sub(r"\1…", _FINGERPRINT.sub(r"\1…", said))
            told.append(f"$ {step.command}\n{shown}\n" if said else f"$ {step.command}\n")
        return block[1] + "\n".join(told) + "```"

    text = _BLOCK.sub(run, page.read_text("utf-8"))
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(text, "utf-8")
    else:
        assert wrong == []


def test_readme_shows_the_main_job() -> None:
    shown = [command.split()[:2] for command in commands_of(ROOT / "README.md")]
    for name in ("init", "build", "sign", "verify", "lint"):
        assert ["manifest", name] in shown
