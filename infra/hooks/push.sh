#!/bin/sh
# Pushes the package to the app, which builds it in Azure. Usage: push.sh [ZIP]
# Needs the outputs of main.bicep as variables (outputs.sh), and a signed-in Azure CLI. HOOK_PAUSE is the shortest pause in seconds.
# The app writes the package into its storage as its own identity. While the role of that identity is minutes old, storage may answer 403.
# That error alone is tried again, five tries in all; any other ends this script at once, with the exit code of the Azure CLI.
set -eu

package=${1:-dist/rollcall.zip}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

push() { # shows what the Azure CLI says while it works, and keeps it with the exit code
    rm -f "$folder/code"
    {
        az functionapp deployment source config-zip ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} \
            --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" --src "$package" --build-remote true 2>&1 ||
            echo $? >"$folder/code"
    } | tee "$folder/said" >&2
    [ ! -e "$folder/code" ]
}

says() { # whether the Azure CLI said something like this; it quotes the answers of the app as JSON, as Python or as they are
    sed 's/\\[nrt]/ /g' "$folder/said" | LC_ALL=C tr -s '[:space:]' ' ' | LC_ALL=C grep -qE "$1"
}

tries=1
pause=${HOOK_PAUSE:-30}
until push; do
    code=$(cat "$folder/code")
    if says 'Deployment was successful but'; then
        echo "rollcall: the code is there; what Azure says of the app stands above. The next step, infra/hooks/postdeploy.sh, waits for it" >&2
        break
    fi
    says 'BlobUploadFailedException.{0,250}[^0-9A-Za-z-]403[^0-9A-Za-z-]' || exit "$code"
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
