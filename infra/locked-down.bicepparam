using 'main.bicep'

// A locked-down organisation: no public address, the shortest retention, groups instead of people, SFTP for the HR system, sign-in to the console.
// Each variable without a default must be set at every deployment: a deployment without it would take something away.
var operators = readEnvironmentVariable('ROLLCALL_OPERATORS_GROUP')
var droppers = readEnvironmentVariable('ROLLCALL_DROPPERS_GROUP')
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL')
var webhook = readEnvironmentVariable('ROLLCALL_ALERT_WEBHOOK')
var publicKey = readEnvironmentVariable('ROLLCALL_SFTP_PUBLIC_KEY')
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

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
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
    { source: 'employees', publicKeys: [publicKey] }
  ]
}
