"""`delivrd new-provider`: a package that brings a provider, to begin with.

The rule of this module: what it makes passes the conformance kit as it is, and nothing is written
over.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from delivrd.cli.output import put, put_note
from delivrd.cli.plugins import version_of
from delivrd.cli.scaffold import Form, ScaffoldError, names_of, package_files, write_files
from delivrd.cli.session import Failure, Refusal, Session, pass_session


@click.command("new-provider")
@click.argument("name")
@click.option(
    "--shape",
    type=click.Choice([form.value for form in Form]),
    default=Form.JSON.value,
    show_default=True,
    help="How the vendor reports: a GET with everything in its query, a POST of form fields or of JSON, one of many "
    "reports (batch), an answer when asked (poll), a receipt over SMPP.",
)
@click.option("--vendor", metavar="COMPANY", help="The company, as it is written; by default NAME, capitalised.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A new folder, or an empty one; by default delivrd-<vendor>, here.",
)
@pass_session
def new_provider(session: Session, name: str, shape: str, vendor: str | None, into: Path | None) -> None:
    """Make a package for a provider of your own.

    NAME is the provider's: lower case words joined by '-', such as acme or acme-legacy. The package
    passes the conformance kit as it is; what stands in it is an example, to be replaced by what the
    vendor's page says. Prints the files that it wrote.
    """
    form = Form(shape)
    try:
        names = names_of(name, vendor, version_of("delivrd") or "0.0")
    except ScaffoldError as error:
        raise Refusal(str(error)) from error
    for plugin in session.registry.plugins:
        if name in plugin.providers:
            raise Refusal(
                f"{name}: the plugin {plugin.name} brings a provider of this name, and neither of two would be "
                "loaded; choose another name"
            )
        package = re.sub(r"[-_.]+", "-", (plugin.distribution or "").partition(" ")[0]).lower()
        if names.distribution == package or names.plugin == plugin.name:
            raise Refusal(
                f"--vendor: the plugin {plugin.name} is installed, and the new package ({names.distribution}) would "
                "take its place; add a module to its package, or give another --vendor"
            )
    folder = into or Path(names.distribution)
    try:
        made = package_files(names, form)
    except ScaffoldError as error:
        raise Failure(str(error)) from error
    try:
        write_files(folder, made)
    except ScaffoldError as error:
        raise Failure(f"{click.format_filename(folder)}: {error}") from error
    for path in made:
        put(click.format_filename(folder / path))
    there = shlex.quote(click.format_filename(folder))
    put_note(f"next: cd {there}; pip install -e '.[test]'; pytest; then follow its README.md")
