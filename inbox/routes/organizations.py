"""`/v1/organizations` and `/v1/notification-groups`: the small families of the dashboard's API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.group import GroupRequest, group_view
from inbox.models.organization import Branding, OrganizationRename, branding_view, organization_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, read_body
from inbox.routes.replies import data


async def list_organizations(request: Request) -> Response:
    """GET /v1/organizations → 200 a list of one."""
    caller = await authenticate(request)
    organization = await services_of(request).organization.get(caller.environment)
    return data([organization_view(organization, caller.environment)])


async def get_organization(request: Request) -> Response:
    """GET /v1/organizations/me → 200 the organization."""
    caller = await authenticate(request)
    organization = await services_of(request).organization.get(caller.environment)
    return data(organization_view(organization, caller.environment))


async def rename_organization(request: Request) -> Response:
    """PATCH /v1/organizations → 200 the organization under the name sent."""
    caller = await authenticate(request)
    body = await read_body(request, OrganizationRename)
    organization = await services_of(request).organization.rename(caller.environment, body.name)
    return data(organization_view(organization, caller.environment))


async def list_members(request: Request) -> Response:
    """GET /v1/organizations/members → 200 an empty list: keys belong to no person here."""
    await authenticate(request)
    return data([])


async def get_branding(request: Request) -> Response:
    """GET /v1/organizations/branding → 200 the looks."""
    caller = await authenticate(request)
    return data(branding_view((await services_of(request).organization.get(caller.environment)).branding))


async def set_branding(request: Request) -> Response:
    """PUT /v1/organizations/branding → 200 the looks, as sent."""
    caller = await authenticate(request)
    body = await read_body(request, Branding)
    organization = await services_of(request).organization.brand(caller.environment, body)
    return data(branding_view(organization.branding))


async def list_groups(request: Request) -> Response:
    """GET /v1/notification-groups → 200 every group, `General` first."""
    caller = await authenticate(request)
    groups = await services_of(request).groups.list(caller.environment)
    return data([group_view(group, caller.environment) for group in groups])


async def create_group(request: Request) -> Response:
    """POST /v1/notification-groups → 201 the group."""
    caller = await authenticate(request)
    body = await read_body(request, GroupRequest)
    group = await services_of(request).groups.create(caller.environment, body.name)
    return data(group_view(group, caller.environment), 201)


async def get_group(request: Request) -> Response:
    """GET /v1/notification-groups/:groupId → 200, 404."""
    caller = await authenticate(request)
    group = await services_of(request).groups.get(caller.environment, path_param(request, "groupId"))
    return data(group_view(group, caller.environment))


async def rename_group(request: Request) -> Response:
    """PATCH /v1/notification-groups/:groupId → 200 the group under the name sent; 404."""
    caller = await authenticate(request)
    body = await read_body(request, GroupRequest)
    groups = services_of(request).groups
    group = await groups.rename(caller.environment, path_param(request, "groupId"), body.name)
    return data(group_view(group, caller.environment))


async def delete_group(request: Request) -> Response:
    """DELETE /v1/notification-groups/:groupId → 200; 400 for the first group; 404."""
    caller = await authenticate(request)
    await services_of(request).groups.delete(caller.environment, path_param(request, "groupId"))
    return data({"acknowledged": True, "status": "deleted"})
