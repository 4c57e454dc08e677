"""`/v1/organizations` and `/v1/notification-groups`."""

from __future__ import annotations

from starlette.requests import Request

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.group import GroupRequest, group_view
from inbox.models.organization import Branding, OrganizationRename, branding_view, organization_view


@operation("GET /v1/organizations", "listOrganizations")
async def list_organizations(request: Request, caller: ApiCaller) -> Data[list[wire.OrganizationReply]]:
    """List organizations. That is a list of one."""
    organization = await services_of(request).organization.get(caller.environment)
    return data([organization_view(organization, caller.environment)])


@operation("GET /v1/organizations/me", "getOrganization")
async def get_organization(request: Request, caller: ApiCaller) -> Data[wire.OrganizationReply]:
    """Get the organization."""
    organization = await services_of(request).organization.get(caller.environment)
    return data(organization_view(organization, caller.environment))


@operation("PATCH /v1/organizations", "renameOrganization")
async def rename_organization(
    request: Request, caller: ApiCaller, body: OrganizationRename
) -> Data[wire.OrganizationReply]:
    """Rename the organization."""
    organization = await services_of(request).organization.rename(caller.environment, body.name)
    return data(organization_view(organization, caller.environment))


@operation("GET /v1/organizations/members", "listOrganizationMembers")
async def list_members(_: ApiCaller) -> Data[list[wire.Empty]]:
    """List the members of the organization. The list is empty: keys belong to no person here."""
    return data([])


@operation("GET /v1/organizations/branding", "getBranding")
async def get_branding(request: Request, caller: ApiCaller) -> Data[wire.BrandingReply]:
    """Get the branding of the organization."""
    return data(branding_view((await services_of(request).organization.get(caller.environment)).branding))


@operation("PUT /v1/organizations/branding", "setBranding")
async def set_branding(request: Request, caller: ApiCaller, body: Branding) -> Data[wire.BrandingReply]:
    """Set the branding of the organization."""
    organization = await services_of(request).organization.brand(caller.environment, body)
    return data(branding_view(organization.branding))


@operation("GET /v1/notification-groups", "listNotificationGroups")
async def list_groups(request: Request, caller: ApiCaller) -> Data[list[wire.GroupReply]]:
    """List notification groups. `General` comes first."""
    groups = await services_of(request).groups.list(caller.environment)
    return data([group_view(group, caller.environment) for group in groups])


@operation("POST /v1/notification-groups", "createNotificationGroup", status=201)
async def create_group(request: Request, caller: ApiCaller, body: GroupRequest) -> Data[wire.GroupReply]:
    """Create a notification group."""
    group = await services_of(request).groups.create(caller.environment, body.name)
    return data(group_view(group, caller.environment), 201)


@operation("GET /v1/notification-groups/{groupId}", "getNotificationGroup")
async def get_group(request: Request, caller: ApiCaller) -> Data[wire.GroupReply]:
    """Get a notification group."""
    group = await services_of(request).groups.get(caller.environment, path_param(request, "groupId"))
    return data(group_view(group, caller.environment))


@operation("PATCH /v1/notification-groups/{groupId}", "renameNotificationGroup")
async def rename_group(request: Request, caller: ApiCaller, body: GroupRequest) -> Data[wire.GroupReply]:
    """Rename a notification group."""
    groups = services_of(request).groups
    group = await groups.rename(caller.environment, path_param(request, "groupId"), body.name)
    return data(group_view(group, caller.environment))


@operation("DELETE /v1/notification-groups/{groupId}", "deleteNotificationGroup")
async def delete_group(request: Request, caller: ApiCaller) -> Data[wire.Acknowledged]:
    """Delete a notification group. The first group is 400."""
    await services_of(request).groups.delete(caller.environment, path_param(request, "groupId"))
    return data({"acknowledged": True, "status": "deleted"})
