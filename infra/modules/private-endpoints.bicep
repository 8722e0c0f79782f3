metadata name = 'Private endpoints'
metadata description = 'Private endpoints for some services, with the DNS zones that lead to them.'

@description('Required. Region of the endpoints.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Resource id of the network that resolves the names.')
param networkId string

@description('Required. Resource id of the subnet that the endpoints are in.')
param subnetId string

@description('Required. The resources that are reached. Each has every one of the services in `zones`.')
param targets targetType[]

@description('Required. The services that are reached, and the private DNS zone of each.')
param zones zoneType[]

@description('Required. `own`: the zones are made and linked here. `existing`: they lie in the resource group `dnsZonesGroupId`. `policy`: a policy of the organisation registers each endpoint.')
param dnsZones 'own' | 'existing' | 'policy'

@description('Required. Resource id of the resource group that holds the zones.')
param dnsZonesGroupId string

var ownZones = dnsZones == 'own' ? zones : []
var endpoints = flatten(map(
  targets,
  target =>
    map(zones, zone => {
      name: '${target.name}-${zone.service}'
      resourceId: target.resourceId
      service: zone.service
      zoneName: zone.name
    })
))

resource privateZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in ownZones: {
    name: zone.name
    location: 'global'
    tags: tags
  }
]

resource dnsLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in ownZones: {
    parent: privateZones[index]
    name: 'rollcall'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: networkId }
    }
  }
]

// One after the other: a storage account takes one change at a time, and refuses the second (StorageAccountOperationInProgress).
@batchSize(1)
resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for endpoint in endpoints: {
    name: 'pep-${endpoint.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        {
          name: endpoint.service
          properties: { privateLinkServiceId: endpoint.resourceId, groupIds: [endpoint.service] }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (endpoint, index) in dnsZones == 'policy' ? [] : endpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.service
          properties: {
            privateDnsZoneId: '${dnsZonesGroupId}/providers/Microsoft.Network/privateDnsZones/${endpoint.zoneName}'
          }
        }
      ]
    }
    dependsOn: [dnsLinks]
  }
]

type targetType = {
  name: string
  resourceId: string
}

type zoneType = {
  service: 'blob' | 'dfs' | 'queue' | 'table' | 'sites'
  name: string
}
