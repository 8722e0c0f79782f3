metadata name = 'Network'
metadata description = 'A virtual network with one subnet that the app works from and one for private endpoints, which only this network and those connected with it (peered, or behind a gateway) may call.'

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Region of the network.')
param location string

@description('Required. Tags of the network.')
param tags object

@description('Optional. What the organisation prescribes for the network.')
param options networkOptionsType = {}

var addressPrefix = options.?addressPrefix ?? '10.90.0.0/24'
var natGatewayId = options.?natGatewayId ?? ''
var routeTableId = options.?routeTableId ?? ''

// The app is called through its private endpoint, so nothing comes in here but Azure's own probes and the subnet itself, which the default
// rules allow. It calls storage in the network, and by https Microsoft Graph, the sign-in, the telemetry and the channels of the alerts.
resource appRules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-rollcall-${environmentName}-app'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-out-to-networks'
        properties: {
          description: 'Private endpoints, DNS servers of the network, and the subnet itself.'
          priority: 100
          direction: 'Outbound'
          access: 'Allow'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRange: '*'
        }
      }
      {
        name: 'allow-out-https'
        properties: {
          description: 'Microsoft Graph, the sign-in, telemetry, the channels of the alerts, and the packages of a remote build.'
          priority: 110
          direction: 'Outbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'Internet'
          destinationPortRange: '443'
        }
      }
      {
        name: 'allow-out-time'
        properties: {
          description: 'The clock of the machine (NTP).'
          priority: 120
          direction: 'Outbound'
          access: 'Allow'
          protocol: 'Udp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'Internet'
          destinationPortRange: '123'
        }
      }
      {
        name: 'deny-out-the-rest'
        properties: {
          priority: 200
          direction: 'Outbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'Internet'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-rollcall-${environmentName}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-https-from-networks'
        properties: {
          description: 'The app, and people who work from a connected network.'
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRanges: ['22', '443'] // 22: SFTP
        }
      }
      {
        name: 'deny-the-rest'
        properties: {
          priority: 200
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-rollcall-${environmentName}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    dhcpOptions: { dnsServers: options.?dnsServers ?? [] }
  }
}

// Subnets of their own, one after the other: a list in the network would delete those that others have added, a runner's for one.
resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'app'
  properties: {
    addressPrefix: cidrSubnet(addressPrefix, 26, 0)
    networkSecurityGroup: { id: appRules.id }
    // Without the first, pushing code to a private app may hang. The second lets a closed key vault name this subnet.
    serviceEndpoints: [{ service: 'Microsoft.Web' }, { service: 'Microsoft.KeyVault' }]
    delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
    natGateway: empty(natGatewayId) ? null : { id: natGatewayId }
    routeTable: empty(routeTableId) ? null : { id: routeTableId }
  }
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'endpoints'
  properties: {
    addressPrefix: cidrSubnet(addressPrefix, 26, 1)
    privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
    networkSecurityGroup: { id: endpointRules.id }
  }
  dependsOn: [appSubnet]
}

@description('Resource id of the network, for the private DNS zones.')
output networkId string = network.id

@description('Resource id of the subnet that the app works from.')
output appSubnetId string = appSubnet.id

@description('Resource id of the subnet of the private endpoints.')
output endpointSubnetId string = endpointSubnet.id

// A deployment takes off what was attached by hand, so everything is named here.
@export()
type networkOptionsType = {
  @description('Address range of the network, at least a /24. It must not overlap with the networks it is peered with.')
  addressPrefix: string?

  @description('Resource id of the NAT gateway that the app calls outside through.')
  natGatewayId: string?

  @description('Resource id of the route table that leads what the app calls outside to a firewall.')
  routeTableId: string?

  @description('Addresses of the DNS servers that the network asks. Left out: those of Azure.')
  dnsServers: string[]?

  @description('Resource id of the resource group that holds the private DNS zones of the organisation. Rollcall then makes no zone and no link.')
  dnsZonesGroupId: string?

  @description('Whether a policy of the organisation registers private endpoints in DNS. Rollcall then makes no zone, no link and no registration.')
  dnsByPolicy: bool?
}
