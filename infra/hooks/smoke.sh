#!/bin/sh
# Whether a deployment works. Usage: smoke.sh health | smoke.sh drop
# Needs the outputs of main.bicep as variables (outputs.sh), and a signed-in Azure CLI; `drop` also the role `operate`, SMOKE_DROP_SOURCE and SMOKE_DROP_CSV.
set -eu

. "$(dirname "$0")/needs.sh"
kept=$(mktemp)
trap 'rm -f "$kept"' EXIT

ask() { # keeps what health answers, and sets its status: 000 where nothing answers. The key goes by standard input, so that it is in no process list
    status=$(printf 'header = "x-functions-key: %s"\n' "$key" | curl --config - --silent --show-error --max-time 60 \
        --output "$kept" --write-out '%{http_code}' "$FUNCTION_APP_URL/api/health" || true)
    status=${status:-000}
}

own_word() { # whether health itself gave the answer
    grep -q '"healthy":' "$kept"
}

may_start() { # whether such an answer may be that of an app that still starts
    case $status in
        000 | 408 | 429 | 5??) ! own_word ;;
        *) return 1 ;;
    esac
}

health() {
    needs AZURE_RESOURCE_GROUP FUNCTION_APP_NAME FUNCTION_APP_URL || exit 2
    key=$(az functionapp keys list ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} \
        --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --query functionKeys.default --output tsv)
    [ -z "${GITHUB_ACTIONS:-}" ] || echo "::add-mask::$key"
    tries=1
    ask
    while may_start && [ "$tries" -lt 7 ]; do
        echo "rollcall: health answered $status (try $tries of 7), as an app that starts may; the next try is in 10 s" >&2
        sleep 10
        tries=$((tries + 1))
        : >"$kept"
        ask
    done
    cat "$kept"
    echo
    case $status in
        200 | 503)
            own_word || {
                echo "rollcall: the answer above, $status, is not that of health: something answered in its place" >&2
                exit 1
            }
            if [ "$status" = "200" ]; then
                echo "rollcall: healthy"
                return
            fi
            if grep -q '"settings": \["' "$kept"; then
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
    [ -n "${SMOKE_DROP_SOURCE:-}" ] && [ -n "${SMOKE_DROP_CSV:-}" ] || {
        echo "rollcall: the drop needs two variables: SMOKE_DROP_SOURCE, the name of a source, and SMOKE_DROP_CSV, its header and one person" >&2
        exit 2
    }
    needs DROPS_ACCOUNT_NAME || exit 2
    printf '%s\n' "$SMOKE_DROP_CSV" >"$kept"
    since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    az storage blob upload --auth-mode login --account-name "$DROPS_ACCOUNT_NAME" --container-name drops \
        --name "$SMOKE_DROP_SOURCE/smoke-$since.csv" --file "$kept" --only-show-errors --output none
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
