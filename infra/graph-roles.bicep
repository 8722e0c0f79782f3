metadata name = 'Graph roles'
metadata description = 'Gives the app the three application roles of Microsoft Graph that it works with. Needs Privileged Role Administrator, so it stands apart; `rollcall setup grant --principal ID` does the same.'

extension microsoftGraphV1

@description('Required. Object id of the identity of the app: `APP_PRINCIPAL_ID` of the main deployment.')
param principalId string

// By name: what is granted is what can be read here. Upload people, read the answers, read the state of the job.
var roleNames = [
  'SynchronizationData-User.Upload'
  'ProvisioningLog.Read.All'
  'Synchronization.Read.All'
]

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000' // Microsoft Graph, in every tenant
}

resource grants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for roleName in roleNames: {
    appRoleId: filter(graph.appRoles, role => role.value == roleName)[0].id
    principalId: principalId
    resourceId: graph.id
  }
]
