metadata name = 'SFTP users'
metadata description = 'One local user per source, by SSH public key, at home in the folder of that source.'

@description('Required. Name of the storage account.')
param accountName string

@description('Required. Container that holds the folders.')
param container string

@description('Required. The users: the source each one drops for, whose name without hyphens (three letters at least) is that of the user, and its public keys.')
param users sftpUserType[]

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName
}

// A container permission covers the whole container, so it gives the names of its files and no more. Reading and writing come from the
// access control list of the user's own folder, which `docs/deploy.md` says how to set.
resource localUsers 'Microsoft.Storage/storageAccounts/localUsers@2024-01-01' = [for user in users: {
  parent: account
  name: replace(user.source, '-', '') // letters and digits are all that Azure takes
  properties: {
    homeDirectory: '${container}/${user.source}'
    allowAclAuthorization: true
    permissionScopes: [{ service: 'blob', resourceName: container, permissions: 'l' }]
    hasSharedKey: false
    hasSshPassword: false
    hasSshKey: true
    sshAuthorizedKeys: map(user.publicKeys, publicKey => { key: publicKey })
  }
}]

@export()
type sftpUserType = {
  source: string
  publicKeys: string[]
}
