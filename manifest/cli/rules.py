"""``manifest rules``: what the linter looks for, and why."""

from __future__ import annotations

import shutil

import click

from manifest.cli._common import echo_json, format_option, paint


@click.command("rules", short_help="List the linter's rules, or explain one.")
@click.argument("code", required=False)
@format_option("text", "json", "markdown")
def command(code: str | None, output_format: str) -> None:
    """List the rules of `manifest lint`, or explain the one called CODE (LIC002, or its name)."""
    from manifest.lint.rule import all_rules, find_rule
    from manifest.render.rules_text import (
        render_rule,
        render_rule_list,
        render_rules_page,
        rule_plain,
    )

    rules = all_rules()
    if code is not None:
        found = find_rule(code)
        if found is None:
            raise click.UsageError(f"there is no rule {code!r}; `manifest rules` lists them")
        rules = (found,)
    if output_format == "json":
        echo_json(rule_plain(rules[0]) if code else [rule_plain(r) for r in rules])
    elif output_format == "markdown":
        click.echo(render_rules_page(rules), nl=False)
    elif code:
        width = min(shutil.get_terminal_size((80, 24)).columns, 100)
        click.echo(render_rule(rules[0], paint=paint, width=width), nl=False)
    else:
        click.echo(render_rule_list(rules, paint=paint), nl=False)
