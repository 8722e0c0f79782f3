metadata name = 'Rollcall'
metadata description = 'Everything Rollcall needs in one resource group. It composes; the modules hold the resources.'

targetScope = 'subscription'

import { personType } from 'modules/access.bicep'
import { vaultUrisType } from 'modules/app-settings.bicep'
import { networkOptionsType } from 'modules/network.bicep'
import { sftpUserType } from 'modules/sftp-users.bicep'

@description('Required. Name of this environment, such as `test` or `production`: letters, digits and hyphens. It is in every tag, and in each name that must be unique, in clear or as part of a hash.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Required. Region of all resources. It must offer Flex Consumption (`az functionapp list-flexconsumption-locations`) and availability zones.')
@minLength(1)
param location string

@description('Optional. Days after which drops, run folders, rows of tables and telemetry are deleted.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

@description('Optional. Who gets the alerts: mail addresses, the URL of a webhook that reads the common alert schema, and for the channels of Rollcall itself (Teams, Slack, a signed webhook) the key vault secrets that hold their addresses. Secure, since such a URL often carries a signature.')
@secure()
param alertTargets {
  mail: string[]?
  webhook: string?
  vaultUris: vaultUrisType?
} = {} // written out here: a parameter of a named type cannot be secure

@description('Optional. Who else may reach the drops account. `people` are users, groups or service principals by object id, who may `drop` files or `operate` Rollcall. `sftpUsers` switch the SFTP endpoint on: one local user per source, by SSH public key. Switching it on or off later needs a new drops account.')
param access accessType = {}

@description('Optional. Whether storage and app are reached from a virtual network only. The sweep then finds the drops, since Event Grid cannot call a private app.')
param privateNetwork bool = false

@description('Optional. With `privateNetwork`: what the organisation prescribes. Its address range, the way out, its DNS servers, and its private DNS zones, if it has them in a hub.')
param networkOptions networkOptionsType = {}

@description('Optional. Client id of the app registration that signs people in to the console (`console-registration.bicep`). Empty: the sign-in stays as it is.')
param consoleClientId string = ''

var token = uniqueString(subscription().id, environmentName, location)
var hostName = 'sthost${token}'
var dropsName = 'stdrops${token}'
var tags = { 'azd-env-name': environmentName, application: 'rollcall' }
var settings = loadJsonContent('app-settings.json')
var deadLetterContainer = 'deadletters'
var packageContainer = 'package'
var insightsName = 'appi-rollcall-${environmentName}'
var appRoles = [
  { role: 'Storage Blob Data Owner', on: 'account', name: hostName } // locks, keys and the package
  { role: 'Storage Queue Data Contributor', on: 'account', name: hostName } // drops on their way to the trigger
  { role: 'Storage Table Data Contributor', on: 'account', name: hostName } // diagnostic events of the host
  { role: 'Storage Blob Data Contributor', on: 'account', name: dropsName }
  { role: 'Storage Queue Data Contributor', on: 'account', name: dropsName } // the poison queue of the trigger
  { role: 'Storage Table Data Contributor', on: 'account', name: dropsName }
  { role: 'Monitoring Metrics Publisher', on: 'insights', name: insightsName }
]
var peopleRoles = {
  drop: [
    { role: 'Storage Blob Data Contributor', on: 'container', name: '${dropsName}/default/${settings.DROPS_CONTAINER}' }
  ]
  operate: [
    { role: 'Storage Blob Data Contributor', on: 'account', name: dropsName }
    { role: 'Storage Table Data Contributor', on: 'account', name: dropsName }
  ]
}
// Each once, although named twice: Azure refuses two assignments of one name.
var people = map(
  items(groupBy(access.?people ?? [], person => toLower('${person.principalId} ${person.may}'))),
  same => last(same.value)
)
var dnsByHub = contains(networkOptions, 'dnsZonesGroupId') ? 'existing' : 'own'
var dnsZones = (networkOptions.?dnsByPolicy ?? false) ? 'policy' : dnsByHub
var sftpUsers = access.?sftpUsers ?? []
var names = map(items(settings), item => { kind: last(split(item.key, '_')), value: item.value })
var appContainers = map(filter(names, name => name.kind == 'CONTAINER'), name => name.value)
var appTables = map(filter(names, name => name.kind == 'TABLE'), name => name.value)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-rollcall-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    insightsName: insightsName
    retentionDays: retentionDays
  }
}

module hostStorage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: hostName
    location: location
    tags: tags
    isPrivate: privateNetwork
    containers: [packageContainer]
  }
}

module dropStorage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: dropsName
    location: location
    tags: tags
    isPrivate: privateNetwork
    containers: concat(appContainers, [deadLetterContainer])
    tables: appTables
    hasSftp: !empty(sftpUsers)
  }
}

module personalData 'modules/personal-data.bicep' = {
  scope: group
  params: {
    accountName: dropStorage.outputs.name
    // With SFTP the app alone deletes drops: the rule would take the folder of a user as well once it is empty, and its access control list.
    containers: concat(
      empty(sftpUsers) ? [settings.DROPS_CONTAINER] : [],
      [settings.RUNS_CONTAINER, deadLetterContainer]
    )
    retentionDays: retentionDays
    workspaceId: monitoring.outputs.workspaceId
  }
}

module sftp 'modules/sftp-users.bicep' = if (!empty(sftpUsers)) {
  scope: group
  params: {
    accountName: dropStorage.outputs.name
    container: settings.DROPS_CONTAINER
    users: sftpUsers
  }
  dependsOn: [personalData] // an account takes one change at a time
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
  }
}

module grants 'modules/access.bicep' = {
  scope: group
  params: {
    grants: concat(
      map(appRoles, grant => {
        principalId: identities.outputs.appPrincipalId
        principalType: 'ServicePrincipal'
        role: grant.role
        on: grant.on
        name: grant.name
      }),
      [
        {
          principalId: identities.outputs.eventsPrincipalId
          principalType: 'ServicePrincipal'
          role: 'Storage Blob Data Contributor'
          on: 'container'
          name: '${dropsName}/default/${deadLetterContainer}'
        }
      ],
      flatten(map(
        people,
        person =>
          map(peopleRoles[person.may], grant => {
            principalId: toLower(person.principalId)
            ...(contains(person, 'principalType') ? { principalType: person.?principalType } : {})
            role: grant.role
            on: grant.on
            name: grant.name
          })
      ))
    )
  }
  dependsOn: [hostStorage, dropStorage, monitoring]
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    options: networkOptions
  }
}

module storageEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network.?outputs.networkId ?? ''
    dnsZones: dnsZones
    dnsZonesGroupId: networkOptions.?dnsZonesGroupId ?? group.id
    subnetId: network.?outputs.endpointSubnetId ?? ''
    targets: [
      { name: hostStorage.outputs.name, resourceId: hostStorage.outputs.id }
      { name: dropStorage.outputs.name, resourceId: dropStorage.outputs.id }
    ]
    zones: map(['blob', 'queue', 'table'], service => {
      service: service
      name: 'privatelink.${service}.${environment().suffixes.storage}'
    })
  }
  dependsOn: [personalData, sftp]
}

// The access control lists of the folders are set through the Data Lake service, which has an address of its own.
module lakeEndpoint 'modules/private-endpoints.bicep' = if (privateNetwork && !empty(sftpUsers)) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network.?outputs.networkId ?? ''
    dnsZones: dnsZones
    dnsZonesGroupId: networkOptions.?dnsZonesGroupId ?? group.id
    subnetId: network.?outputs.endpointSubnetId ?? ''
    targets: [{ name: dropStorage.outputs.name, resourceId: dropStorage.outputs.id }]
    zones: [{ service: 'dfs', name: 'privatelink.dfs.${environment().suffixes.storage}' }]
  }
  dependsOn: [storageEndpoints]
}

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    name: 'func-rollcall-${token}'
    location: location
    tags: tags
    identityId: identities.outputs.appId
    packageStorageUris: hostStorage.outputs.uris
    packageContainer: packageContainer
    subnetId: network.?outputs.appSubnetId ?? ''
  }
  dependsOn: [grants, storageEndpoints]
}

module appSettings 'modules/app-settings.bicep' = {
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    identityClientId: identities.outputs.appClientId
    hostStorageUris: hostStorage.outputs.uris
    dropStorageUris: dropStorage.outputs.uris
    insightsName: insightsName
    retentionDays: retentionDays
    vaultUris: alertTargets.?vaultUris ?? {}
  }
  dependsOn: [grants, monitoring]
}

module appEndpoint 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network.?outputs.networkId ?? ''
    dnsZones: dnsZones
    dnsZonesGroupId: networkOptions.?dnsZonesGroupId ?? group.id
    subnetId: network.?outputs.endpointSubnetId ?? ''
    targets: [{ name: functionApp.outputs.name, resourceId: functionApp.outputs.id }]
    zones: [{ service: 'sites', name: 'privatelink.azurewebsites.net' }]
  }
  dependsOn: [appSettings, auth] // an app, too, takes one change at a time
}

module auth 'modules/auth.bicep' = if (!empty(consoleClientId)) {
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    clientId: consoleClientId
  }
  dependsOn: [appSettings] // which hold what the sign-in proves itself with
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    mail: alertTargets.?mail ?? []
    webhook: alertTargets.?webhook ?? ''
    hasEvents: !privateNetwork
  }
}

@description('The resource group of this environment.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app, for deploying code and events.')
output FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Address of the function app.')
output FUNCTION_APP_URL string = functionApp.outputs.url

@description('Name of the storage account that takes the drops, for `events.bicep`.')
output DROPS_ACCOUNT_NAME string = dropStorage.outputs.name

@description('Name of the identity that Event Grid writes dead letters with, for `events.bicep`.')
output EVENTS_IDENTITY_NAME string = identities.outputs.eventsName

@description('Object id of the identity of the app, for `graph-roles.bicep` or `rollcall setup grant --principal`.')
output APP_PRINCIPAL_ID string = identities.outputs.appPrincipalId

@description('Resource id of the workspace, for `tenant-diagnostics.bicep`.')
output WORKSPACE_ID string = monitoring.outputs.workspaceId

@description('Whether the app is private, and `events.bicep` is left out.')
output PRIVATE_NETWORK bool = privateNetwork

@description('Blob service of the drops account: the setting of the same name, for the `rollcall` command.')
output DropStorage__blobServiceUri string = dropStorage.outputs.uris.blob

@description('Table service of the drops account: the setting of the same name, for the `rollcall` command.')
output DropStorage__tableServiceUri string = dropStorage.outputs.uris.table

type accessType = {
  people: personType[]?
  sftpUsers: sftpUserType[]?
}
