metadata name = 'Tenant diagnostics'
metadata description = 'Sends the provisioning log of the whole tenant to the workspace, for the workbook. Needs Security Administrator and the right to deploy to the tenant, so it stands apart.'

targetScope = 'tenant'

@description('Required. Resource id of the workspace: `WORKSPACE_ID` of the main deployment.')
param workspaceId string

resource provisioningLogs 'microsoft.aadiam/diagnosticSettings@2017-04-01' = {
  name: 'rollcall-provisioning-logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'ProvisioningLogs', enabled: true }]
  }
}
