metadata name = 'Identities'
metadata description = 'Who the app and Event Grid are. Identities of their own, so that roles can be granted before either exists.'

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Region of the identities.')
param location string

@description('Required. Tags of the identities.')
param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-rollcall-${environmentName}'
  location: location
  tags: tags
}

resource events 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-rollcall-${environmentName}-events'
  location: location
  tags: tags
}

@description('Resource id of the identity of the app.')
output appId string = app.id

@description('Client id of the identity of the app.')
output appClientId string = app.properties.clientId

@description('Object id of the identity of the app.')
output appPrincipalId string = app.properties.principalId

@description('Name of the identity that Event Grid writes dead letters with.')
output eventsName string = events.name

@description('Object id of the identity that Event Grid writes dead letters with.')
output eventsPrincipalId string = events.properties.principalId
