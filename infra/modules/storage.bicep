metadata name = 'Storage account'
metadata description = 'One storage account without keys: its containers, tables, lifecycle rules and audit log.'

@description('Required. Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region of the account.')
param location string

@description('Required. Tags of the account.')
param tags object

@description('Required. Resource id of the workspace that records who read, wrote and deleted blobs, where the account holds personal data.')
param workspaceId string

@description('Required. Whether the account is reached through private endpoints only.')
param isPrivate bool

@description('Required. Containers of the account.')
param containers string[]

@description('Optional. Tables of the account.')
param tables string[] = []

@description('Optional. Containers whose blobs are deleted after `retentionDays`, because they hold personal data.')
param personalDataContainers string[] = []

@description('Optional. Days after their last change until those blobs are deleted.')
param retentionDays int = 90

@description('Optional. Whether the account has an SFTP endpoint, which needs a hierarchical namespace. Cannot be changed later.')
param hasSftp bool = false

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' } // three zones; a region without zones cannot hold it
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    isHnsEnabled: hasSftp
    isSftpEnabled: hasSftp
    isLocalUserEnabled: hasSftp
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices' // Event Grid writes dead letters as a trusted service
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: { publicAccess: 'None' }
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource accountTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' = [for table in tables: {
  parent: tableService
  name: table
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = if (!empty(personalDataContainers)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-personal-data'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: ['blockBlob', 'appendBlob']
              prefixMatch: map(personalDataContainers, container => '${container}/')
            }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retentionDays } } }
          }
        }
      ]
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(personalDataContainers)) {
  scope: blobs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: map(['StorageRead', 'StorageWrite', 'StorageDelete'], category => { category: category, enabled: true })
  }
}

@description('Name of the account.')
output name string = account.name

@description('Resource id of the account.')
output id string = account.id

@description('Addresses of its services.')
output uris urisType = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}

@export()
type urisType = {
  blob: string
  queue: string
  table: string
}
