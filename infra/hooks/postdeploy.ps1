# Has Event Grid announce each drop to the app, in three steps: the key of the blob trigger, the host's answer to it, infra/events.bicep.
# `azd` runs it after the code is there, and passes the outputs of main.bicep as variables.
# HOOK_PAUSE is the shortest pause in seconds. The key is in no list of processes and in no output. postdeploy.sh does the same.
#Requires -Version 7.2
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$PSNativeCommandUseErrorActionPreference = $false # a failed look is tried again; what must not fail is asked for its exit code

# `azd` may work in another subscription than the Azure CLI has chosen; without `azd` the CLI's own is meant.
$subscription = @(if ($env:AZURE_SUBSCRIPTION_ID) { '--subscription', $env:AZURE_SUBSCRIPTION_ID })

$pause = if ($env:HOOK_PAUSE) { [int]$env:HOOK_PAUSE } else { 15 }
$webhook = "$env:FUNCTION_APP_URL/runtime/webhooks/blobs?functionName=Host.Functions.plan_drop"
$code = 'rollcall-5f0c3a52' # the host repeats it
$handshake = "[{`"eventType`": `"Microsoft.EventGrid.SubscriptionValidationEvent`", `"data`": {`"validationCode`": `"$code`"}}]"

function Say([string]$words) {
    [Console]::Error.WriteLine("rollcall: $words")
}

$needed = 'AZURE_RESOURCE_GROUP', 'FUNCTION_APP_NAME', 'FUNCTION_APP_URL', 'DROPS_ACCOUNT_NAME', 'EVENTS_IDENTITY_NAME'
$unset = @($needed | Where-Object { -not [Environment]::GetEnvironmentVariable($_) })
if ($unset) {
    Say "the variable $($unset[0]) is not set. Run: azd provision, then: azd hooks run postdeploy"
    exit 2
}

function Get-Key { # the host writes it when it has indexed the trigger, which may take a minute after the first deployment
    az functionapp keys list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME `
        --query systemKeys.blobs_extension --output tsv --only-show-errors 2>$null
}

# Event Grid's own handshake. While the host starts it answers 404, 503 or, until it has read its keys, 401.
function Get-Answer { # the host's status; 200 only if the blob trigger has answered
    try {
        $response = Invoke-WebRequest -Uri $webhook -Method Post -Body $handshake -ContentType 'application/json' -TimeoutSec 30 `
            -SkipHttpErrorCheck -MaximumRedirection 0 -Headers @{ 'x-functions-key' = $key; 'aeg-event-type' = 'SubscriptionValidation' }
    } catch {
        return 'nothing'
    }
    $body = [Text.Encoding]::UTF8.GetString($response.RawContentStream.ToArray())
    if ($response.StatusCode -ne 200) { return "$($response.StatusCode)" }
    if ($body.Contains($code)) { return '200' }
    return '200 without the code of the handshake'
}

function Sync-Triggers { # Flex Consumption may list no function of a new package, and then starts none, until it is asked to look
    $listed = az functionapp function list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME `
        --query '[].name' --output tsv --only-show-errors 2>$null
    if (-not $listed) {
        az rest @subscription --method post --output none --only-show-errors `
            --url "/subscriptions/{subscriptionId}/resourceGroups/$env:AZURE_RESOURCE_GROUP/providers/Microsoft.Web/sites/$env:FUNCTION_APP_NAME/host/default/sync?api-version=2025-03-01" `
            2>$null | Out-Null
    }
}

function Say-Without-Functions {
    Say "no function is listed: the app came up without its functions (docs/deploy.md, 'What only Azure can say'). The next steps:"
    Say '1. push the code once more: azd deploy'
    Say "2. az functionapp restart --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME$(if ($env:AZURE_SUBSCRIPTION_ID) { " --subscription $env:AZURE_SUBSCRIPTION_ID" })"
    Say '3. run this hook again: azd hooks run postdeploy'
}

function Wait-Host { # the host restarts after each push of code; this waits until it answers with the key
    for ($looks = 1; ; $looks++) {
        $script:key = Get-Key
        $status = if ($key -and $key -ne 'None') { Get-Answer } else { '' }
        if ($status -eq '200') { return }
        if ($looks -ge 20) {
            if ($status -eq '') {
                Say "step 1 of 3 failed: in $looks looks the app had no key for its blob trigger."
            } else {
                Say "step 2 of 3 failed: $env:FUNCTION_APP_URL answered $status to the key of its blob trigger, the last of $looks times."
            }
            Say 'What Azure says of its keys, and its functions:'
            az functionapp keys list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME --output none
            $listed = az functionapp function list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME --query '[].name' --output tsv
            if ($LASTEXITCODE -eq 0) {
                if (-not $listed) {
                    Say-Without-Functions
                    exit 1
                }
                [Console]::Error.WriteLine($listed -join "`n")
            }
            Say 'read the log of the app, then run: azd hooks run postdeploy'
            exit 1
        }
        if ($looks % 4 -eq 0) { Sync-Triggers }
        Start-Sleep -Seconds $pause
    }
}

function Deploy-Events { # what the Azure CLI says; $LASTEXITCODE is its exit code
    # A storage account has one system topic only. Where Defender for Storage scans uploads it has made it already, and that one is shared.
    $topic = az eventgrid system-topic list @subscription --resource-group $env:AZURE_RESOURCE_GROUP --output tsv --only-show-errors `
        --query "[?ends_with(source, '/$env:DROPS_ACCOUNT_NAME')].name | [0]"
    if ($LASTEXITCODE -ne 0) { return }
    $topicName = @(if ($topic) { "topicName=$topic" })
    az deployment group create @subscription --only-show-errors --output none `
        --name rollcall-events `
        --resource-group $env:AZURE_RESOURCE_GROUP `
        --template-file (Join-Path $PSScriptRoot '../events.bicep') `
        --parameters functionAppName=$env:FUNCTION_APP_NAME dropsAccountName=$env:DROPS_ACCOUNT_NAME eventsIdentityName=$env:EVENTS_IDENTITY_NAME @topicName 2>&1
}

if ($env:PRIVATE_NETWORK -eq 'true') {
    Sync-Triggers
    Write-Host 'rollcall: a private app gets no events; its sweep finds the drops'
    exit 0
}

# Event Grid repeats its handshake each time the subscription is written, and fails when it meets a host that restarts.
$tries = 1
$longer = $pause
Wait-Host
Sync-Triggers
while ($true) {
    $words = (Deploy-Events | ForEach-Object { "$_" }) -join "`n" # no formatter, which would break a long line within the key
    if ($LASTEXITCODE -eq 0) { break }
    [Console]::Error.WriteLine($words.Replace($key, '***'))
    if ($tries -ge 5) {
        Say "step 3 of 3 failed: the deployment of infra/events.bicep failed $tries times; what Azure says stands above."
        Say 'run: azd hooks run postdeploy'
        exit 1
    }
    Say "the deployment of infra/events.bicep failed (try $tries of 5); the next try is in $longer s"
    Start-Sleep -Seconds $longer
    $tries++
    $longer *= 2
    Wait-Host
}
Write-Host "rollcall: Event Grid announces each drop in $env:DROPS_ACCOUNT_NAME to $env:FUNCTION_APP_NAME"
