# After the code is there, the key of the event subscription exists: deploy the events. `azd` passes the outputs of main.bicep as variables.
#Requires -Version 7.2
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false # a failed look is tried again; what must not fail is asked for its exit code

if ($env:PRIVATE_NETWORK -eq 'true') {
    Write-Host 'rollcall: a private app gets no events; its sweep finds the drops'
    exit 0
}

# `azd` may work in another subscription than the Azure CLI has chosen; without `azd` the CLI's own is meant.
$subscription = @(if ($env:AZURE_SUBSCRIPTION_ID) { '--subscription', $env:AZURE_SUBSCRIPTION_ID })

# The host writes the key when it has indexed the trigger, which may take a minute after the first deployment.
for ($tries = 1; ; $tries++) {
    $key = az functionapp keys list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME `
        --query 'systemKeys.blobs_extension != null' --output tsv --only-show-errors 2>$null
    if ($key -eq 'true') { break }
    if ($tries -ge 20) {
        [Console]::Error.WriteLine('rollcall: the app has not indexed its blob trigger after five minutes. What Azure says of its keys, and its functions:')
        az functionapp keys list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME --output none
        az functionapp function list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME --query '[].name' --output tsv
        [Console]::Error.WriteLine("rollcall: where no function stands above, its packages may be for another Python: docs/deploy.md, 'What only Azure can say'")
        [Console]::Error.WriteLine('rollcall: read the log of the app, then run: azd hooks run postdeploy')
        exit 1
    }
    Start-Sleep -Seconds 15
}

# A storage account has one system topic only. Where Defender for Storage scans uploads it has made it already, and that one is shared.
$topic = az eventgrid system-topic list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --output tsv --only-show-errors `
    --query "[?ends_with(source, '/$env:DROPS_ACCOUNT_NAME')].name | [0]"
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
$topicName = @(if ($topic) { "topicName=$topic" })

az deployment group create @subscription --only-show-errors --output none `
    --name rollcall-events `
    --resource-group $env:AZURE_RESOURCE_GROUP `
    --template-file (Join-Path $PSScriptRoot '../events.bicep') `
    --parameters functionAppName=$env:FUNCTION_APP_NAME dropsAccountName=$env:DROPS_ACCOUNT_NAME eventsIdentityName=$env:EVENTS_IDENTITY_NAME @topicName
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
Write-Host "rollcall: Event Grid tells $env:FUNCTION_APP_NAME of each drop in $env:DROPS_ACCOUNT_NAME"
