using 'main.bicep'

// A small organisation: reached with its people's own sign-in, one address that is told, one person who operates. `azd` fills in the variables.
var operator = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', readEnvironmentVariable('AZURE_PRINCIPAL_ID', ''))
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'production')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param alertTargets = { mail: empty(mail) ? [] : [mail] }
param access = {
  people: empty(operator) ? [] : [{ principalId: operator, principalType: 'User', may: 'operate' }]
}
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
