using 'main.bicep'

// A small organisation: a public address that asks people to sign in, one mailbox for alerts, and the one who deploys operates.
// `azd` sets AZURE_PRINCIPAL_ID for the person or the service principal that is signed in. A pipeline names its identity in ROLLCALL_OPERATOR_ID.
// Each variable without a default must be set at every deployment: a deployment without it would take something away.
var pipeline = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
var operator = empty(pipeline) ? readEnvironmentVariable('AZURE_PRINCIPAL_ID', '') : pipeline
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param alertTargets = {
  mail: empty(mail)
    ? fail('ROLLCALL_ALERT_MAIL is empty. Set it to the mail address that gets the alerts, or to none.')
    : mail == 'none' ? [] : [mail]
}
param access = {
  people: empty(operator) ? [] : [{ principalId: operator, may: 'operate' }]
}
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
