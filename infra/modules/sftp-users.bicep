metadata name = 'SFTP users'
metadata description = 'One local user per source, by SSH public key, at home in the folder of that source.'

@description('Required. Name of the storage account.')
param accountName string

@description('Required. Container that holds the folders.')
param container string

@description('Required. The users: the source each one drops for, whose name (three letters at least) is that of the user, and its public keys. With hyphens, each part of the name is led by its length: `employees-test` is `09employees04test`.')
param users sftpUserType[]

// Azure takes letters and digits only. To leave the hyphens out would give `a-b` and `ab` one user, and one of them the folder of the other.
// A source begins with a letter, so a name that begins with a digit is no other source's.
var names = map(
  users,
  user =>
    contains(user.source, '-')
      ? join(map(split(user.source, '-'), part => '${padLeft(length(part), 2, '0')}${part}'), '')
      : user.source
)

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

// A container permission covers the whole container, so it gives the names of its files and no more. Reading and writing come from the
// access control list of the user's own folder, which `docs/deploy.md` says how to set.
@batchSize(1)
resource localUsers 'Microsoft.Storage/storageAccounts/localUsers@2025-06-01' = [
  for (user, index) in users: {
    parent: account
    name: names[index]
    properties: {
      homeDirectory: '${container}/${user.source}'
      allowAclAuthorization: true
      permissionScopes: [{ service: 'blob', resourceName: container, permissions: 'l' }]
      hasSharedKey: false
      hasSshPassword: false
      hasSshKey: true
      sshAuthorizedKeys: map(user.publicKeys, publicKey => { key: publicKey })
    }
  }
]

@export()
type sftpUserType = {
  source: string
  publicKeys: string[]
}
