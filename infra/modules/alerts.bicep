metadata name = 'Alerts'
metadata description = 'Who is told, and when: one query each. A rule fires when its query returns a row, so every threshold stands in the query. What Rollcall decides itself (`alert_raised`) is passed on, not decided again.'

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Region of the rules.')
param location string

@description('Required. Tags of the rules.')
param tags object

@description('Required. Resource id of the workspace that the queries read.')
param workspaceId string

@description('Required. Mail addresses that are told.')
param mail string[]

@description('Required. URL of a webhook that reads the common alert schema, or empty.')
@secure()
param webhook string

@description('Required. Whether Event Grid announces the drops; without it the sweep is the one that finds them, and says nothing wrong.')
param hasEvents bool

// Each window is longer than the pause between two looks, since telemetry arrives minutes late. `splitBy` makes an alert of its own for each
// value, so that a second failure is told while the first still stands.
var rules = [
  {
    name: 'function-failed'
    description: 'A function failed. Open the run in the console; the call is in AppRequests, its error in AppExceptions or in the log stream of the app. docs/operations.md says what each state means.'
    severity: 1
    query: loadTextContent('../queries/function-failed.kql')
    every: 'PT15M'
    window: 'PT30M'
    splitBy: ['OperationName']
    enabled: true
  }
  {
    name: 'nothing-ran'
    description: 'A timer has not run for an hour. See whether the app is stopped, whether it can reach its storage, and whether the workspace has reached its daily cap: then no other rule sees anything, either.'
    severity: 1
    query: loadTextContent('../queries/nothing-ran.kql')
    every: 'PT30M'
    window: 'PT1H'
    splitBy: []
    enabled: true
  }
  {
    name: 'alert-raised-critical'
    description: 'Rollcall raised a critical alert; its page says what to do. Resolved means that nothing new was raised: when it is over, Rollcall says so.'
    severity: 1
    query: loadTextContent('../queries/alert-raised-critical.kql')
    every: 'PT5M'
    window: 'PT15M'
    splitBy: ['Key']
    enabled: true
  }
  {
    name: 'alert-raised-warning'
    description: 'Rollcall raised a warning; its page says what to do. Resolved means that nothing new was raised: when it is over, Rollcall says so.'
    severity: 3
    query: loadTextContent('../queries/alert-raised-warning.kql')
    every: 'PT15M'
    window: 'PT30M'
    splitBy: ['Key']
    enabled: true
  }
  {
    name: 'checkpoint-age'
    description: 'The provisioning log has not been read without a fault for an hour and a half, so outcomes are missing.'
    severity: 2
    query: loadTextContent('../queries/checkpoint-age.kql')
    every: 'PT30M'
    window: 'PT6H'
    splitBy: []
    enabled: true
  }
  {
    name: 'drop-without-run'
    description: 'The sweep found drops that no event had announced. See whether events.bicep is deployed and its subscription delivers.'
    severity: 2
    query: loadTextContent('../queries/drop-without-run.kql')
    every: 'PT30M'
    window: 'PT1H'
    splitBy: []
    enabled: hasEvents
  }
]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-rollcall-${environmentName}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'rollcall'
    emailReceivers: map(mail, address => { name: address, emailAddress: address, useCommonAlertSchema: true })
    webhookReceivers: empty(webhook) ? [] : [{ name: 'webhook', serviceUri: webhook, useCommonAlertSchema: true }]
  }
}

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: '${rule.name}-${environmentName}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Rollcall ${environmentName}: ${rule.name}'
      description: rule.description
      severity: rule.severity
      enabled: rule.enabled
      scopes: [workspaceId]
      evaluationFrequency: rule.every
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: map(rule.splitBy, column => { name: column, operator: 'Include', values: ['*'] })
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      skipQueryValidation: true // the tables appear in the workspace with the first telemetry
      actions: { actionGroups: [actionGroup.id] }
    }
  }
]
