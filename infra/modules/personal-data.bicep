metadata name = 'Personal data'
metadata description = 'What an account with personal data has beside its containers: deletion after some time, and a record of who read, wrote and deleted its blobs and the rows of its tables.'

@description('Required. Name of the storage account.')
param accountName string

@description('Required. Containers whose blobs are deleted.')
param containers string[]

@description('Required. Days after their last change until they are.')
param retentionDays int

@description('Required. Resource id of the workspace that keeps the record.')
param workspaceId string

var audited = map(['StorageRead', 'StorageWrite', 'StorageDelete'], category => { category: category, enabled: true })

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
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
              prefixMatch: map(containers, container => '${container}/')
            }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retentionDays } } }
          }
        }
      ]
    }
  }
}

#disable-next-line use-recent-api-versions // the only version that can name a workspace
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: audited
  }
}

#disable-next-line use-recent-api-versions // the only version that can name a workspace
resource tableAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tables
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: audited
  }
}
