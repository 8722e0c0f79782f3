metadata name = 'Function app'
metadata description = 'The Flex Consumption plan, the app, and every app setting. The app has an identity and no key of anything.'

import { urisType } from 'storage.bicep'

@description('Required. Name of the app.')
param name string

@description('Required. Region of the app.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Resource id of the identity of the app.')
param identityId string

@description('Required. Client id of the identity of the app.')
param identityClientId string

@description('Required. Addresses of the storage account of the Functions host.')
param hostStorageUris urisType

@description('Required. Addresses of the storage account that takes the drops.')
param dropStorageUris urisType

@description('Required. Container of the host account that holds the deployed package.')
param packageContainer string

@description('Required. Name of the Application Insights component.')
param insightsName string

@description('Optional. Resource id of the subnet that the app works from. Empty: the app is public.')
param subnetId string = ''

@description('Optional. Settings that are secrets, each with the address of its secret in a key vault, which the identity of the app must be allowed to read.')
param vaultUris vaultUrisType = {}

@description('Optional. Whether people sign in to the console; the app then proves itself to Entra by its identity, not by a secret.')
param signsPeopleIn bool = false

var isPrivate = !empty(subnetId)
var platformSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: hostStorageUris.blob
  AzureWebJobsStorage__queueServiceUri: hostStorageUris.queue
  AzureWebJobsStorage__tableServiceUri: hostStorageUris.table
  DropStorage__credential: 'managedidentity'
  DropStorage__clientId: identityClientId
  DropStorage__blobServiceUri: dropStorageUris.blob
  DropStorage__queueServiceUri: dropStorageUris.queue // the trigger does not start without it: its poison queue is there
  DropStorage__tableServiceUri: dropStorageUris.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // The app's own events, and nothing that HTTP clients tell: an address may be a secret (Teams, Slack) or name a person's key (tables).
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'rollcall'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,httpx,httpx2,requests,urllib,urllib3'
  AZURE_CLIENT_ID: identityClientId
  CONSOLE_URL: 'https://${app.properties.defaultHostName}/api/console'
}
var signInSettings = {
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
}
var references = mapValues(vaultUris, vaultUri => '@Microsoft.KeyVault(SecretUri=${vaultUri})')

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
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
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2', ftpsState: 'Disabled' }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorageUris.blob}${packageContainer}'
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

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(loadJsonContent('../app-settings.json'), platformSettings, references, signsPeopleIn ? signInSettings : {})
}

// Passwords that publish code: none.
resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

@description('Name of the app.')
output name string = app.name

@description('Resource id of the app.')
output id string = app.id

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'

@export()
type vaultUrisType = {
  ALERT_TEAMS_URL: string?
  ALERT_SLACK_URL: string?
  ALERT_WEBHOOK_URL: string?
  ALERT_WEBHOOK_KEY: string?
}
