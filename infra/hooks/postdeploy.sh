#!/bin/sh
# Has Event Grid announce each drop to the app, in three steps: the key of the blob trigger, the host's answer to it, infra/events.bicep.
# It runs after the code is there: from `azd`, which passes the outputs of main.bicep as variables, from the workflow, or by hand.
# HOOK_PAUSE is the shortest pause in seconds. The key is in no list of processes and in no output. postdeploy.ps1 does the same.
set -eu
. "$(dirname "$0")/needs.sh"
needs AZURE_RESOURCE_GROUP FUNCTION_APP_NAME FUNCTION_APP_URL DROPS_ACCOUNT_NAME EVENTS_IDENTITY_NAME || exit 2

# `azd` may work in another subscription than the Azure CLI has chosen; without `azd` the CLI's own is meant.
set -- ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"}

pause=${HOOK_PAUSE:-15}
webhook="$FUNCTION_APP_URL/runtime/webhooks/blobs?functionName=Host.Functions.plan_drop"
code=rollcall-5f0c3a52 # the host repeats it
handshake="[{\"eventType\": \"Microsoft.EventGrid.SubscriptionValidationEvent\", \"data\": {\"validationCode\": \"$code\"}}]"

say() {
    printf 'rollcall: %s\n' "$*" >&2
}

key() { # the host writes it when it has indexed the trigger, which may take a minute after the first deployment
    az functionapp keys list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --query systemKeys.blobs_extension --output tsv --only-show-errors 2>/dev/null || true
}

# Event Grid's own handshake. While the host starts it answers 404, 503 or, until it has read its keys, 401.
answer() { # the host's status; 200 only if the blob trigger has answered
    got=$(printf 'header = "x-functions-key: %s"\n' "$key" | curl --config - --silent --max-time 30 --write-out ' %{http_code}' \
        --header 'Content-Type: application/json' --header 'aeg-event-type: SubscriptionValidation' --data "$handshake" "$webhook" || true)
    case $got in
        *"$code"*" 200") echo 200 ;;
        *" 200") echo "200 without the code of the handshake" ;;
        "" | *" 000") echo nothing ;;
        *) echo "${got##* }" ;;
    esac
}

sync() { # Flex Consumption may list no function of a new package, and then starts none, until it is asked to look
    listed=$(az functionapp function list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --query "[].name" --output tsv --only-show-errors 2>/dev/null || true)
    [ -n "$listed" ] || az rest "$@" --method post --output none --only-show-errors \
        --url "/subscriptions/{subscriptionId}/resourceGroups/$AZURE_RESOURCE_GROUP/providers/Microsoft.Web/sites/$FUNCTION_APP_NAME/host/default/sync?api-version=2025-03-01" \
        2>/dev/null || true
}

without_functions() {
    say "no function is listed: the app came up without its functions (docs/deploy.md, 'What only Azure can say'). The next steps:"
    say "1. push the code once more: infra/hooks/push.sh, or: azd deploy"
    say "2. az functionapp restart --resource-group $AZURE_RESOURCE_GROUP --name $FUNCTION_APP_NAME${AZURE_SUBSCRIPTION_ID:+ --subscription $AZURE_SUBSCRIPTION_ID}"
    say "3. run this hook again: infra/hooks/postdeploy.sh, or: azd hooks run postdeploy"
}

await() { # the host restarts after each push of code; this waits until it answers with the key
    looks=0
    while :; do
        key=$(key "$@")
        case $key in
            "" | None) status="" ;;
            *) status=$(answer) ;;
        esac
        [ "$status" != "200" ] || return 0
        looks=$((looks + 1))
        if [ "$looks" -ge 20 ]; then
            if [ -z "$status" ]; then
                say "step 1 of 3 failed: in $looks looks the app had no key for its blob trigger."
            else
                say "step 2 of 3 failed: $FUNCTION_APP_URL answered $status to the key of its blob trigger, the last of $looks times."
            fi
            say "What Azure says of its keys, and its functions:"
            az functionapp keys list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --output none || true
            if listed=$(az functionapp function list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --query "[].name" --output tsv); then
                [ -n "$listed" ] || {
                    without_functions
                    exit 1
                }
                printf '%s\n' "$listed" >&2
            fi
            say "read the log of the app, then run infra/hooks/postdeploy.sh again, or: azd hooks run postdeploy"
            exit 1
        fi
        [ $((looks % 4)) -ne 0 ] || sync "$@"
        sleep "$pause"
    done
}

deploy() { # says what went wrong, if anything did
    # A storage account has one system topic only. Where Defender for Storage scans uploads it has made it already, and that one is shared.
    topic=$(az eventgrid system-topic list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --output tsv --only-show-errors \
        --query "[?ends_with(source, '/$DROPS_ACCOUNT_NAME')].name | [0]") || return
    az deployment group create "$@" --only-show-errors --output none \
        --name rollcall-events \
        --resource-group "$AZURE_RESOURCE_GROUP" \
        --template-file "$(dirname "$0")/../events.bicep" \
        --parameters functionAppName="$FUNCTION_APP_NAME" dropsAccountName="$DROPS_ACCOUNT_NAME" eventsIdentityName="$EVENTS_IDENTITY_NAME" \
        ${topic:+topicName="$topic"}
}

if [ "${PRIVATE_NETWORK:-false}" = "true" ]; then
    sync "$@"
    echo "rollcall: a private app gets no events; its sweep finds the drops"
    exit 0
fi

# Event Grid repeats its handshake each time the subscription is written, and fails when it meets a host that restarts.
tries=1
longer=$pause
await "$@"
sync "$@"
until words=$(deploy "$@" 2>&1); do
    while [ "${words#*"$key"}" != "$words" ]; do words="${words%%"$key"*}***${words#*"$key"}"; done
    printf '%s\n' "$words" >&2
    if [ "$tries" -ge 5 ]; then
        say "step 3 of 3 failed: the deployment of infra/events.bicep failed $tries times; what Azure says stands above."
        say "run infra/hooks/postdeploy.sh again, or: azd hooks run postdeploy"
        exit 1
    fi
    say "the deployment of infra/events.bicep failed (try $tries of 5); the next try is in $longer s"
    sleep "$longer"
    tries=$((tries + 1)) longer=$((longer * 2))
    await "$@"
done
echo "rollcall: Event Grid announces each drop in $DROPS_ACCOUNT_NAME to $FUNCTION_APP_NAME"
