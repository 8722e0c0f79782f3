metadata name = 'Monitoring'
metadata description = 'A workspace, Application Insights that takes telemetry from Entra identities only, and the workbook.'

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Region of the resources.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Name of the Application Insights component.')
param insightsName string

@description('Required. Days that telemetry is kept.')
param retentionDays int

var telemetry = ['AppTraces', 'AppRequests', 'AppExceptions', 'AppDependencies', 'AppMetrics', 'AppPerformanceCounters']

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-rollcall-${environmentName}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
      immediatePurgeDataOn30Days: retentionDays == 30 // else 30 days may be 31
    }
    workspaceCapping: { dailyQuotaGb: 5 } // a fault that logs in a loop must not run up a bill
  }
}

// Tables of Application Insights are kept for 90 days at least, though their workspace says less, unless each is told.
@batchSize(1)
resource telemetryTables 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [
  for table in telemetry: {
    parent: workspace
    name: table
    properties: { retentionInDays: retentionDays, totalRetentionInDays: retentionDays }
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'rollcall-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Rollcall ${environmentName}'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: replace(loadTextContent('../workbook.json'), '{workspaceId}', workspace.id)
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id
