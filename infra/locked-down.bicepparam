using 'main.bicep'

// A locked-down organisation: no public address, the shortest memory, groups instead of people, SFTP for the HR system, sign-in to the console.
var operators = readEnvironmentVariable('ROLLCALL_OPERATORS_GROUP')
var droppers = readEnvironmentVariable('ROLLCALL_DROPPERS_GROUP')
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL')
var publicKey = readEnvironmentVariable('ROLLCALL_SFTP_PUBLIC_KEY')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'production')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param retentionDays = 30
param privateNetwork = true
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
param alertTargets = {
  mail: [mail]
  webhook: readEnvironmentVariable('ROLLCALL_ALERT_WEBHOOK', '')
}
param access = {
  people: [
    { principalId: operators, principalType: 'Group', may: 'operate' }
    { principalId: droppers, principalType: 'Group', may: 'drop' }
  ]
  sftpUsers: [
    { source: 'employees', publicKeys: [publicKey] }
  ]
}
