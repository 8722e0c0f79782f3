metadata name = 'App settings'
metadata description = 'Every setting of the app. Deployed after the roles, so that the host finds its storage open when it starts.'

import { urisType } from 'storage.bicep'

@description('Required. Name of the function app.')
param functionAppName string

@description('Required. Client id of the identity of the app.')
param identityClientId string

@description('Required. Addresses of the storage account of the Functions host.')
param hostStorageUris urisType

@description('Required. Addresses of the storage account that takes the drops.')
param dropStorageUris urisType

@description('Required. Name of the Application Insights component.')
param insightsName string

@description('Required. Days after which the app deletes drops, and forgets log entries, outcomes, runs and alerts.')
param retentionDays int

@description('Optional. Settings that are secrets, each with the address of its secret in a key vault, which the identity of the app must be allowed to read.')
param vaultUris vaultUrisType = {}

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
  RETENTION_DAYS: string(retentionDays) // tables have no lifecycle rules, nor have drops with SFTP
  CONSOLE_URL: 'https://${app.properties.defaultHostName}/api/console'
  // The sign-in proves the app to Entra by its identity. Always written: this list replaces the last one, and a sign-in that is on stays on.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
}
var references = mapValues(vaultUris, vaultUri => '@Microsoft.KeyVault(SecretUri=${vaultUri})')

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(loadJsonContent('../app-settings.json'), platformSettings, references)
}

@export()
type vaultUrisType = {
  ALERT_TEAMS_URL: string?
  ALERT_SLACK_URL: string?
  ALERT_WEBHOOK_URL: string?
  ALERT_WEBHOOK_KEY: string?
}
