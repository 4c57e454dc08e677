"""`inbox doctor`: check an installation, and say what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.printing import AsJson, one_line, print_json, print_row
from inbox.cli.running import EnvironmentName
from inbox.errors import BadRequest
from inbox.logs import configure_logging
from inbox.origins import parse_setting

if TYPE_CHECKING:
    from inbox.doctor.report import DoctorFinding

MAX_PORT = 65_535


def _parse_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise BadRequest("--url must begin with https:// or http://")
    import httpx  # takes long to load

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadRequest(f"--url: {error}") from None
    if not parsed.host or "%" in parsed.host or (parsed.port or 0) > MAX_PORT:
        raise BadRequest(f"--url needs a host, and a port of at most {MAX_PORT} if it has one")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise BadRequest("--url takes no user, query or fragment: it is an address and perhaps a path")
    return str(parsed).rstrip("/")


def _parse_page(origin: str) -> str:
    try:
        return parse_setting(origin)
    except ValueError as error:
        raise BadRequest(f"--origin: {error}") from None


def doctor(
    url: Annotated[
        str | None,
        typer.Option(parser=_parse_url, metavar="<url>", help="The address that browsers use, to check the proxy too."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            parser=_parse_page,
            metavar="<origin>",
            help="The origin of a page that calls; may be repeated; without it those of INBOX_CORS_ORIGINS.",
        ),
    ] = None,
    environment_name: EnvironmentName = None,
    json: AsJson = False,
) -> None:
    """Check settings, Redis, disk, the running service and the proxy, and say what to do.

    A message goes through Redis to a socket of every kind; the subscriber that gets it is deleted again. The exit code
    is 1 if a check has failed. Warnings do not change it.
    """
    from inbox.doctor.examination import examine
    from inbox.doctor.report import Report

    configure_logging("error", "text")
    report = Report() if json else Report(_print)
    asyncio.run(examine(report, url, origin or [], environment_name))
    if json:
        print_json({"healthy": not report.has_failed, "findings": [finding.view() for finding in report.findings]})
    if report.has_failed:
        raise typer.Exit(1)


def _print(finding: DoctorFinding) -> None:
    print_row(finding.level, finding.part, finding.check, one_line(finding.detail))
    if finding.advice:
        print(f"\t→ {finding.advice}")
