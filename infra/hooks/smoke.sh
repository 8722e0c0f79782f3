#!/bin/sh
# Whether a deployment works. Usage: smoke.sh health | smoke.sh drop
# Needs the outputs of main.bicep as variables (outputs.sh), and a signed-in Azure CLI; `drop` also the role `operate`.
set -eu

health() {
    key=$(az functionapp keys list ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} \
        --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --query functionKeys.default --output tsv)
    [ -z "${GITHUB_ACTIONS:-}" ] || echo "::add-mask::$key"
    # By standard input, so that the key is in no process list. A cold app may take a while.
    status=$(printf 'header = "x-functions-key: %s"\n' "$key" | curl --config - --silent --show-error --max-time 60 \
        --retry 6 --retry-delay 10 --retry-all-errors --output health.json --write-out '%{http_code}' \
        "$FUNCTION_APP_URL/api/health")
    cat health.json
    echo
    case $status in
        200) echo "rollcall: healthy" ;;
        503)
            if grep -q '"settings": \["' health.json; then
                echo "rollcall: settings are faulty; 'settings' above names each with its rule (docs/settings.md). Drops wait until they are right" >&2
                exit 1
            fi
            if [ "${FIRST_TIME:-false}" != "true" ]; then
                echo "rollcall: not healthy; what is wrong stands above" >&2
                exit 1
            fi
            echo "rollcall: it runs; what it still lacks stands above"
            ;;
        404)
            echo "rollcall: health is not there; where the app has no function at all, its packages may be for another Python:" \
                "docs/deploy.md, 'What only Azure can say'" >&2
            exit 1
            ;;
        *)
            echo "rollcall: health answered $status" >&2
            exit 1
            ;;
    esac
}

drop() {
    file=$(mktemp)
    printf '%s\n' "$SMOKE_DROP_CSV" > "$file"
    since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    az storage blob upload --auth-mode login --account-name "$DROPS_ACCOUNT_NAME" --container-name drops \
        --name "$SMOKE_DROP_SOURCE/smoke-$since.csv" --file "$file" --only-show-errors --output none
    rm "$file"
    # The plan is committed by its plan.json. The sweep finds within twenty minutes what no event announced.
    tries=0
    while [ "$tries" -lt 88 ]; do
        plan=$(az storage blob list --auth-mode login --account-name "$DROPS_ACCOUNT_NAME" --container-name runs \
            --prefix "$SMOKE_DROP_SOURCE/" --query "[?ends_with(name, '/plan.json') && properties.lastModified >= '$since'].name | [0]" \
            --output tsv --only-show-errors)
        if [ -n "$plan" ]; then
            echo "rollcall: planned: $plan"
            return
        fi
        tries=$((tries + 1))
        sleep 15
    done
    echo "rollcall: the drop was not planned within 22 minutes; read the app's log and 'rollcall runs'" >&2
    exit 1
}

case ${1:-} in
    health | drop) "$1" ;;
    *) echo "usage: smoke.sh health | drop" >&2; exit 2 ;;
esac
