metadata name = 'Function app'
metadata description = 'The Flex Consumption plan and the app, which has an identity and no key of anything.'

import { urisType } from 'storage.bicep'

@description('Required. Name of the app.')
param name string

@description('Required. Region of the app.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Resource id of the identity of the app.')
param identityId string

@description('Required. Addresses of the storage account that holds the deployed package.')
param packageStorageUris urisType

@description('Required. Container of that account that holds the deployed package.')
param packageContainer string

@description('Optional. Resource id of the subnet that the app works from. Empty: the app is public.')
param subnetId string = ''

var isPrivate = !empty(subnetId)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'rollcall' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: isPrivate ? subnetId : null
    // Flex Consumption refuses `ftpsState` and its like (51021). FTP is closed by the publishing policies below.
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2' }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${packageStorageUris.blob}${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: 40
        // Event Grid's handshake and the first event of the night meet a running instance. A private app gets no events.
        alwaysReady: isPrivate ? [] : [{ name: 'blob', instanceCount: 1 }]
      }
    }
  }
}

// Passwords that publish code: none.
resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
  dependsOn: [ftpPublishing] // an app takes one change at a time
}

@description('Name of the app.')
output name string = app.name

@description('Resource id of the app.')
output id string = app.id

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'
