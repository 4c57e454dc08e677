"""The whole examination: settings, disk, Redis, the service on this machine, and its public address."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from inbox.doctor.redis import check_redis
from inbox.doctor.report import CheckedPart, Report
from inbox.doctor.visit import Guest, visit
from inbox.embedded.access import open_store
from inbox.embedded.store import Store
from inbox.errors import InboxError, NotFound, StartupError
from inbox.listening import service_url
from inbox.origins import ANY
from inbox.services import open_services
from inbox.settings import Settings, load_settings
from inbox.store.client import open_client

FREE_BYTES = 256 * 1024 * 1024
"""What the disk of the embedded store needs beside a second copy of its data."""


async def examine(report: Report, url: str | None, origins: Sequence[str], environment_name: str | None) -> None:
    """Check everything that can be checked. `url`: the public address, `origins`: those of pages that call it."""
    try:
        settings = load_settings()
    except StartupError as error:
        report.part("settings").fail("valid", str(error), "correct the variables; `inbox settings` lists them")
        return
    _check_settings(settings, report.part("settings"))
    if settings.redis_url is None:
        check_disk(settings.data_dir, report.part("disk"))
    pages = [*origins] or [origin for origin in settings.cors_origins if "*" not in origin and "://" in origin]
    redis = report.part("redis")
    try:
        async with open_store(settings, "doctor") as store:
            settings = settings.model_copy(update={"mode": store.mode})
            if not await _check_store(store, settings, redis):
                await _visit_all(settings, url, None, report)
                return
            async with open_services(settings, store.url) as services:
                environment = services.environments.current
                if environment_name is not None:
                    environment = await services.environments.find_by_name(environment_name)
                await _visit_all(settings, url, Guest(services, environment, pages), report)
    except NotFound as error:
        report.part("settings").fail("environment", error.reason, "name one of them with --environment")
    except StartupError as error:
        redis.fail("connection", str(error), _advice_for(str(error)))
    except InboxError as error:  # Redis was well, and failed during the examination
        redis.fail("connection", error.reason, "look at the log of Redis, and try again")


async def _check_store(store: Store, settings: Settings, part: CheckedPart) -> bool:
    client = await open_client(store.url)
    try:
        part.ok("connection", "Redis answers")
        return await check_redis(client, settings, part)
    finally:
        await client.close()


async def _visit_all(settings: Settings, url: str | None, guest: Guest | None, report: Report) -> None:
    """Visit the service on this machine, and then at its public address."""
    await visit(local_url(settings), guest, report.part("service"))
    if url is None:
        return
    public = report.part("public")
    if url.startswith("http:"):
        public.warn("TLS", f"{url} is not encrypted", "put a proxy that ends TLS in front (docs/deploying.md)")
    await visit(url, guest, public)


def local_url(settings: Settings) -> str:
    """Return where the service of these settings listens: as its data directory says, else by host and port."""
    if settings.redis_url is None:
        from inbox.embedded.directory import DataDirectory  # needs a POSIX system

        holder = DataDirectory(settings.data_dir).read_holder()
        if holder and holder.url:
            return holder.url
    return service_url(settings.host, settings.port) + settings.base_path


def _check_settings(settings: Settings, part: CheckedPart) -> None:
    part.ok("valid", f"mode {settings.mode}")
    if settings.mode != "production":
        return
    if settings.secret_key is None:
        part.warn("secrets", "Redis keeps API keys and the signing key readably", "set INBOX_SECRET_KEY, and keep it")
    if ANY in settings.cors_origins:
        part.warn("origins", "pages of every site may call", "list those of your app in INBOX_CORS_ORIGINS")
    if settings.require_subscriber_hash is False:
        advice = "remove INBOX_REQUIRE_SUBSCRIBER_HASH=false once your backend sends the hash"
        part.warn("subscriber hash", "whoever knows a subscriberId can open the inbox of that person", advice)


def check_disk(directory: Path, part: CheckedPart, needed: int = FREE_BYTES) -> None:
    """Check that the disk has room for a rewrite of the data, which is a second copy for a while."""
    if not directory.exists():
        return
    free = shutil.disk_usage(directory).free
    size = sum(file.stat().st_size for file in directory.glob("appendonlydir/*"))
    detail = f"{free / 2**20:,.0f} MiB free, {size / 2**20:,.0f} MiB of data"
    if free < size + needed:
        part.fail("space", detail, "make room: Redis writes its file anew beside the old one")
    else:
        part.ok("space", detail)


def _advice_for(problem: str) -> str:
    if "no service keeps data" in problem:
        return "give this command the variables of the service"
    if "refuses the user or password" in problem:
        return "correct user and password in INBOX_REDIS_URL"
    if "cannot be reached" in problem:
        return "start Redis, and check host, port and firewall of INBOX_REDIS_URL"
    return "the message says what to do"
