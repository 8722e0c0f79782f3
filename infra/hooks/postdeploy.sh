#!/bin/sh
# After the code is there, the key of the event subscription exists: deploy the events. `azd` passes the outputs of main.bicep as variables.
set -eu

if [ "${PRIVATE_NETWORK:-false}" = "true" ]; then
    echo "rollcall: a private app gets no events; its sweep finds the drops"
    exit 0
fi

# `azd` may work in another subscription than the Azure CLI has chosen; without `azd` the CLI's own is meant.
set -- ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"}

# The host writes the key when it has indexed the trigger, which may take a minute after the first deployment.
tries=0
while :; do
    key=$(az functionapp keys list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --query "systemKeys.blobs_extension != null" --output tsv --only-show-errors 2>/dev/null || true)
    [ "$key" = "true" ] && break
    tries=$((tries + 1))
    if [ "$tries" -ge 20 ]; then
        echo "rollcall: the app has not indexed its blob trigger after five minutes. What Azure says of its keys, and its functions:" >&2
        az functionapp keys list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --output none || true
        az functionapp function list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --query "[].name" --output tsv >&2 || true
        echo "rollcall: where no function stands above, its packages may be for another Python: docs/deploy.md, 'What only Azure can say'" >&2
        echo "rollcall: read the log of the app, then run infra/hooks/postdeploy.sh again, or: azd hooks run postdeploy" >&2
        exit 1
    fi
    sleep 15
done

# A storage account has one system topic only. Where Defender for Storage scans uploads it has made it already, and that one is shared.
topic=$(az eventgrid system-topic list "$@" --resource-group "$AZURE_RESOURCE_GROUP" --output tsv --only-show-errors \
    --query "[?ends_with(source, '/$DROPS_ACCOUNT_NAME')].name | [0]")

az deployment group create "$@" --only-show-errors --output none \
    --name rollcall-events \
    --resource-group "$AZURE_RESOURCE_GROUP" \
    --template-file "$(dirname "$0")/../events.bicep" \
    --parameters functionAppName="$FUNCTION_APP_NAME" dropsAccountName="$DROPS_ACCOUNT_NAME" eventsIdentityName="$EVENTS_IDENTITY_NAME" \
    ${topic:+topicName="$topic"}
echo "rollcall: Event Grid tells $FUNCTION_APP_NAME of each drop in $DROPS_ACCOUNT_NAME"
