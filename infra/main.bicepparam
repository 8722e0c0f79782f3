using 'main.bicep'

// A small organisation: a public address that asks who you are, one mailbox that is told, and whoever deploys operates. `azd` sets the
// AZURE_ variables of a person; whatever is none, a pipeline say, names its own identity in ROLLCALL_OPERATOR_ID.
var pipeline = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
var operator = empty(pipeline) ? readEnvironmentVariable('AZURE_PRINCIPAL_ID', '') : pipeline
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'production')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param alertTargets = { mail: empty(mail) ? [] : [mail] }
param access = {
  people: empty(operator) ? [] : [{ principalId: operator, principalType: empty(pipeline) ? 'User' : 'ServicePrincipal', may: 'operate' }]
}
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
