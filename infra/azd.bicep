metadata name = 'Rollcall, for azd'
metadata description = 'What `azd up` deploys: `main.bicep` for a small organisation, as `main.bicepparam` does. It exists for the list of regions, which `azd` offers from a `.bicep` file only.'

targetScope = 'subscription'

@description('Required. Name of this environment.')
param environmentName string

// The regions with Flex Consumption (a list that Microsoft's samples carried, read on 2026-11-30) and availability zones. It limits what `azd`
// offers and nothing else: `otherLocation` takes any region. Today's list: az functionapp list-flexconsumption-locations
@description('Required. Region that `azd` offers.')
@allowed([
  'australiaeast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'italynorth'
  'japaneast'
  'koreacentral'
  'northeurope'
  'norwayeast'
  'southafricanorth'
  'southcentralus'
  'southeastasia'
  'spaincentral'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'westeurope'
  'westus2'
  'westus3'
])
@metadata({ azd: { type: 'location' } })
param location string

@description('Optional. Region of all resources where it is not in the list above (`ROLLCALL_LOCATION`).')
param otherLocation string = ''

@description('Required. Mail address that gets the alerts, or `none`. `azd` asks for it where `ROLLCALL_ALERT_MAIL` is not set.')
@minLength(4)
param alertMail string

@description('Optional. Object id of the person or the service principal that is signed in to `azd`, which then operates Rollcall.')
param principalId string = ''

@description('Optional. Object id of the one who operates Rollcall instead (`ROLLCALL_OPERATOR_ID`).')
param operatorId string = ''

@description('Optional. Client id of the app registration that signs people in to the console. Empty: the sign-in stays as it is.')
param consoleClientId string = ''

var operator = empty(operatorId) ? principalId : operatorId

module rollcall 'main.bicep' = {
  params: {
    environmentName: environmentName
    location: empty(otherLocation) ? location : otherLocation
    alertTargets: { mail: alertMail == 'none' ? [] : [alertMail] }
    access: { people: empty(operator) ? [] : [{ principalId: operator, may: 'operate' }] }
    consoleClientId: consoleClientId
  }
}

@description('The resource group of this environment.')
output AZURE_RESOURCE_GROUP string = rollcall.outputs.AZURE_RESOURCE_GROUP

@description('Name of the function app, for deploying code and events.')
output FUNCTION_APP_NAME string = rollcall.outputs.FUNCTION_APP_NAME

@description('Address of the function app.')
output FUNCTION_APP_URL string = rollcall.outputs.FUNCTION_APP_URL

@description('Name of the storage account that takes the drops, for `events.bicep`.')
output DROPS_ACCOUNT_NAME string = rollcall.outputs.DROPS_ACCOUNT_NAME

@description('Name of the identity that Event Grid writes dead letters with, for `events.bicep`.')
output EVENTS_IDENTITY_NAME string = rollcall.outputs.EVENTS_IDENTITY_NAME

@description('Object id of the identity of the app, for `graph-roles.bicep` or `rollcall setup grant --principal`.')
output APP_PRINCIPAL_ID string = rollcall.outputs.APP_PRINCIPAL_ID

@description('Resource id of the workspace, for `tenant-diagnostics.bicep`.')
output WORKSPACE_ID string = rollcall.outputs.WORKSPACE_ID

@description('Whether the app is private, and `events.bicep` is left out.')
output PRIVATE_NETWORK bool = rollcall.outputs.PRIVATE_NETWORK

@description('Blob service of the drops account: the setting of the same name, for the `rollcall` command.')
output DropStorage__blobServiceUri string = rollcall.outputs.DropStorage__blobServiceUri

@description('Table service of the drops account: the setting of the same name, for the `rollcall` command.')
output DropStorage__tableServiceUri string = rollcall.outputs.DropStorage__tableServiceUri
