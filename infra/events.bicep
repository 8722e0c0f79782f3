metadata name = 'Events'
metadata description = 'Event Grid tells the app of each drop. A second deployment, since the key of the subscription exists only once the code is there.'

@description('Required. Name of the function app.')
param functionAppName string

@description('Required. Name of the storage account that takes the drops.')
param dropsAccountName string

@description('Required. Name of the identity that dead letters are written with.')
param eventsIdentityName string

@description('Optional. Region of the topic: that of the storage account.')
param location string = resourceGroup().location

@description('Optional. Name of the system topic. An account has one only: where Defender for Storage scans uploads it has made it, and that one is shared.')
param topicName string = 'evgt-${dropsAccountName}'

var settings = loadJsonContent('app-settings.json')
var functionName = 'plan_drop'
var deadLetterContainer = 'deadletters'
var webhook = 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}'

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dropsAccountName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: eventsIdentityName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: topicName
  location: location
  tags: resourceGroup().tags
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    source: account.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'drops'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: '${webhook}&code=${listKeys('${app.id}/host/default', '2025-03-01').systemKeys.blobs_extension}'
        maxEventsPerBatch: 1
        minimumTlsVersionAllowed: '1.2'
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${settings.DROPS_CONTAINER}/blobs/'
      // Each of these ends a file that is whole; a file being opened or appended to is no drop yet. On an account for SFTP, CopyBlob comes
      // when a copy begins: it changes the version that was told of, and the sweep finds the one that is whole.
      advancedFilters: [
        {
          key: 'data.api'
          operatorType: 'StringIn'
          values: ['PutBlob', 'PutBlockList', 'FlushWithClose', 'CopyBlob', 'SftpCommit']
        }
      ]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'UserAssigned', userAssignedIdentity: identity.id }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: account.id, blobContainerName: deadLetterContainer }
      }
    }
  }
}
