metadata name = 'Access'
metadata description = 'Every role assignment, in one loop over a typed list of grants for each kind of scope.'

@description('Required. Who may do what, and where.')
param grants grantType[]

// Built-in roles of Azure, by the names that the portal shows.
var roles = {
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// Bicep fixes the kind of a scope when it compiles: so there is one loop for each kind.
var onAccounts = filter(grants, grant => grant.on == 'account')
var onContainers = filter(grants, grant => grant.on == 'container')
var onInsights = filter(grants, grant => grant.on == 'insights')

resource accounts 'Microsoft.Storage/storageAccounts@2025-06-01' existing = [
  for grant in onAccounts: {
    name: grant.name
  }
]

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [
  for grant in onContainers: {
    name: grant.name
  }
]

resource components 'Microsoft.Insights/components@2020-02-02' existing = [
  for grant in onInsights: {
    name: grant.name
  }
]

resource accountAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onAccounts: {
    scope: accounts[index]
    name: guid(resourceGroup().id, grant.name, grant.principalId, grant.role)
    properties: {
      principalId: grant.principalId
      ...(contains(grant, 'principalType') ? { principalType: grant.?principalType } : {})
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[grant.role])
    }
  }
]

resource containerAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onContainers: {
    scope: containers[index]
    name: guid(resourceGroup().id, grant.name, grant.principalId, grant.role)
    properties: {
      principalId: grant.principalId
      ...(contains(grant, 'principalType') ? { principalType: grant.?principalType } : {})
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[grant.role])
    }
  }
]

resource componentAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onInsights: {
    scope: components[index]
    name: guid(resourceGroup().id, grant.name, grant.principalId, grant.role)
    properties: {
      principalId: grant.principalId
      ...(contains(grant, 'principalType') ? { principalType: grant.?principalType } : {})
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[grant.role])
    }
  }
]

@export()
type personType = {
  principalId: string
  principalType: ('User' | 'Group' | 'ServicePrincipal')? // left out where it is not known: Azure then looks it up
  may: 'drop' | 'operate'
}

type grantType = {
  principalId: string
  principalType: ('User' | 'Group' | 'ServicePrincipal')?
  role:
    | 'Monitoring Metrics Publisher'
    | 'Storage Blob Data Contributor'
    | 'Storage Blob Data Owner'
    | 'Storage Queue Data Contributor'
    | 'Storage Table Data Contributor'
  on: 'account' | 'container' | 'insights'
  name: string
}
