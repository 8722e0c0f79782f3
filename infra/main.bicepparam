using 'main.bicep'

// A small organisation: a public address that asks people to sign in, one mailbox for alerts, and the one who deploys operates.
// `azd` sets AZURE_PRINCIPAL_ID for the person or the service principal that is signed in. A pipeline names its identity in ROLLCALL_OPERATOR_ID.
// Each variable without a default must be set at every deployment: without it the deployment is refused.
var pipeline = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
var operator = empty(pipeline) ? readEnvironmentVariable('AZURE_PRINCIPAL_ID', '') : pipeline
var name = readEnvironmentVariable('AZURE_ENV_NAME')
var place = readEnvironmentVariable('AZURE_LOCATION')
var mail = readEnvironmentVariable('ROLLCALL_ALERT_MAIL')

param environmentName = empty(name)
  ? fail('AZURE_ENV_NAME is empty. Set it to the name of the environment: test, for example.')
  : name
param location = empty(place)
  ? fail('AZURE_LOCATION is empty. Set it to the region of all resources: westeurope, for example.')
  : place
param alertTargets = {
  mail: empty(mail)
    ? fail('ROLLCALL_ALERT_MAIL is empty. Set it to the mail address that gets the alerts, or to none.')
    : mail == 'none' ? [] : [mail]
}
param access = {
  people: empty(operator) ? [] : [{ principalId: operator, may: 'operate' }]
}
param consoleClientId = readEnvironmentVariable('ROLLCALL_CONSOLE_CLIENT_ID', '')
