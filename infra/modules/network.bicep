metadata name = 'Network'
metadata description = 'A virtual network with one subnet that the app works from and one for private endpoints, which only this network and those connected with it (peered, or behind a gateway) may call.'

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Region of the network.')
param location string

@description('Required. Tags of the network.')
param tags object

@description('Optional. Address range of the network, at least a /24. It must not overlap with the networks it is peered with.')
param addressPrefix string = '10.90.0.0/24'

@description('Optional. Resource id of the NAT gateway that the app calls outside through. A deployment takes off what is attached by hand, so it is named here.')
param natGatewayId string = ''

@description('Optional. Resource id of the route table that leads what the app calls outside to a firewall.')
param routeTableId string = ''

@description('Optional. Addresses of the DNS servers that the network asks. Those named by hand, a deployment takes off as well. Empty: those of Azure.')
param dnsServers string[] = []

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-rollcall-${environmentName}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-https-from-networks'
        properties: {
          description: 'The app, and whoever works from a connected network.'
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

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-rollcall-${environmentName}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    dhcpOptions: { dnsServers: dnsServers }
  }
}

// Subnets of their own, one after the other: a list in the network would delete those that others have added, a runner's for one.
resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2024-05-01' = {
  parent: network
  name: 'app'
  properties: {
    addressPrefix: cidrSubnet(addressPrefix, 26, 0)
    delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
    natGateway: empty(natGatewayId) ? null : { id: natGatewayId }
    routeTable: empty(routeTableId) ? null : { id: routeTableId }
  }
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2024-05-01' = {
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
