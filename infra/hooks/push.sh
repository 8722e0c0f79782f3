#!/bin/sh
# Pushes the package to the app. Azure builds it, unless it holds its Python packages (`make package-prebuilt`). Usage: push.sh [ZIP]
# Needs the outputs of main.bicep as variables (outputs.sh), and a signed-in Azure CLI. HOOK_PAUSE is the shortest pause in seconds.
# The app writes the package into its storage as its own identity. While the role of that identity is minutes old, storage may answer 403.
# That error alone is tried again, five tries in all; any other ends this script at once, with the exit code of the push.
set -eu
. "$(dirname "$0")/needs.sh"

package=${1:-dist/rollcall.zip}
[ -f "$package" ] || {
    echo "rollcall: there is no file $package. Build it: make package" >&2
    exit 2
}
how=built
! LC_ALL=C grep -qaF .python_packages/lib/site-packages/azure/functions/__init__.py "$package" || how=unbuilt
needs AZURE_RESOURCE_GROUP FUNCTION_APP_NAME || exit 2
[ "$how" = "built" ] || needs FUNCTION_APP_URL || exit 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

built() { # has Azure build the package
    az functionapp deployment source config-zip ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} \
        --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --src "$package" --build-remote true
}

ask() { # the answer of the deployment endpoint, and its status as the last line; the token is in no list of processes
    printf 'header = "Authorization: Bearer %s"\n' "$token" |
        curl --config - --silent --show-error --max-time 900 --write-out '\n%{http_code}' "$@"
}

unbuilt() { # the Azure CLI has Azure build every Python package, so this asks the endpoint itself, as the Azure CLI does
    token=$(az account get-access-token ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} \
        --resource https://management.core.windows.net/ --query accessToken --output tsv --only-show-errors) || return
    endpoint="${FUNCTION_APP_URL%%.*}.scm.${FUNCTION_APP_URL#*.}/api"
    answer=$(ask --request POST --header 'Content-Type: application/zip' --data-binary "@$package" \
        "$endpoint/publish?RemoteBuild=false&Deployer=rollcall") || return
    case $answer in
        *"
202") ;;
        *)
            printf 'the deployment endpoint answered:\n%s\n' "$answer"
            return 1
            ;;
    esac
    id=$(printf '%s' "$answer" | sed '$d' | tr -cd '0-9A-Za-z-')
    looks=0
    while [ "$looks" -lt 120 ]; do
        looks=$((looks + 1))
        sleep "${HOOK_PAUSE:-5}"
        answer=$(ask "$endpoint/deployments/${id:-latest}") || continue
        case $(printf '%s' "$answer" | sed -n 's/.*"status": *\(-\{0,1\}[0-9]\{1,\}\).*/\1/p') in
            4)
                echo "the deployment $id is complete"
                return
                ;;
            -1 | 3 | 5 | 6)
                printf 'the deployment %s failed:\n%s\n' "$id" "$answer"
                return 1
                ;;
        esac
    done
    printf 'the deployment %s did not end in %s looks; the last answer:\n%s\n' "$id" "$looks" "$answer"
    return 1
}

push() { # shows what is said while it works, and keeps it with the exit code: 1 where the push was cut off and left none
    echo 1 >"$folder/code"
    { code=0; "$how" 2>&1 || code=$?; echo "$code" >"$folder/code"; } | tee "$folder/said" >&2
    code=$(cat "$folder/code")
    [ "$code" = "0" ]
}

says() { # whether it said something like this; the answers of the app are quoted as JSON, as Python or as they are
    sed 's/\\[nrt]/ /g' "$folder/said" | LC_ALL=C tr -s '[:space:]' ' ' | LC_ALL=C grep -qE "$1"
}

shut_out() { # whether the app is private, and this machine found no name, no way or no entry to its deployment endpoint
    [ "${PRIVATE_NETWORK:-false}" = "true" ] || return 1
    case $how-$code in
        unbuilt-6 | unbuilt-7 | unbuilt-28) return 0 ;; # curl: no name, no connection, no answer in time
    esac
    ! says 'Zip deployment failed|the deployment [0-9A-Za-z-]+ failed' || return 1 # the endpoint was reached; what follows is the log of a build
    says 'Ip Forbidden|getaddrinfo|Failed to resolve|Status Code: 403|the deployment endpoint answered: (.* )?403 $'
}

tries=1
pause=${HOOK_PAUSE:-30}
until push; do
    if says 'Deployment was successful but'; then
        echo "rollcall: the code is there; what Azure says of the app stands above. The next step, infra/hooks/postdeploy.sh, waits for it" >&2
        break
    fi
    says 'BlobUploadFailedException.{0,250}[^0-9A-Za-z-]403[^0-9A-Za-z-]' || {
        ! shut_out || echo "rollcall: this app is private: push from a machine in its network that resolves its names (docs/deploy.md, 'Private network')" >&2
        exit "$code"
    }
    if [ "$tries" -ge 5 ]; then
        echo "rollcall: storage refused the package with 403 in $tries tries. The app's identity needs the role Storage Blob Data Owner" \
            "on the storage account of the host, and a way through its network: az role assignment list --all --output table" \
            "--assignee ${APP_PRINCIPAL_ID:-APP_PRINCIPAL_ID}. Then run infra/hooks/push.sh again" >&2
        exit "$code"
    fi
    echo "rollcall: storage refused the package with 403 (try $tries of 5), as it may while a role is new; the next try is in $pause s" >&2
    sleep "$pause"
    tries=$((tries + 1)) pause=$((pause * 2))
done
