using 'main.bicep'

// A locked-down organisation: no public address, the shortest retention, groups instead of people, SFTP for the HR system, sign-in to the console.
// Each variable without a default must be set at every deployment: without it the deployment is refused.
var name = readEnvironmentVariable('AZURE_ENV_NAME')
var place = readEnvironmentVariable('AZURE_LOCATION')
var operators = readEnvironmentVariable('ROLLCALL_OPERATORS_GROUP')
var droppers = readEnvironmentVariable('ROLLCALL_DROPPERS_GROUP')
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL')
var webhook = readEnvironmentVariable('ROLLCALL_ALERT_WEBHOOK')
var publicKey = trim(readEnvironmentVariable('ROLLCALL_SFTP_PUBLIC_KEY'))
var missing = filter(
  [
    { name: 'ROLLCALL_OPERATORS_GROUP', value: operators }
    { name: 'ROLLCALL_DROPPERS_GROUP', value: droppers }
    { name: 'ROLLCALL_ALERT_MAIL', value: mail }
    { name: 'ROLLCALL_ALERT_WEBHOOK', value: webhook }
    { name: 'ROLLCALL_SFTP_PUBLIC_KEY', value: publicKey }
  ],
  variable => empty(variable.value)
)

param environmentName = empty(name)
  ? fail('AZURE_ENV_NAME is empty. Set it to the name of the environment: test, for example.')
  : name
param location = empty(place)
  ? fail('AZURE_LOCATION is empty. Set it to the region of all resources: westeurope, for example.')
  : place
param retentionDays = 30
param privateNetwork = true
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
param alertTargets = empty(missing)
  ? {
      mail: mail == 'none' ? [] : [mail]
      webhook: webhook == 'none' ? '' : webhook
    }
  : fail('${missing[0].name} is empty. Set it. For ROLLCALL_ALERT_MAIL and ROLLCALL_ALERT_WEBHOOK, none means nobody.')
param access = {
  people: [
    { principalId: operators, principalType: 'Group', may: 'operate' }
    { principalId: droppers, principalType: 'Group', may: 'drop' }
  ]
  sftpUsers: [
    {
      source: 'employees'
      publicKeys: startsWith(publicKey, 'ssh-ed25519') // Azure stores such a key as any other, and refuses every sign-in with it
        ? fail('ROLLCALL_SFTP_PUBLIC_KEY is an ssh-ed25519 key. Azure refuses every sign-in with it. Make another one: ssh-keygen -t rsa -b 4096')
        : [publicKey]
    }
  ]
}
