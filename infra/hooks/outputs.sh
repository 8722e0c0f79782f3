#!/bin/sh
# The outputs of a deployment of main.bicep, one NAME=value a line. Usage: export $(outputs.sh DEPLOYMENT)
# Azure gives some names back in another case (azurE_RESOURCE_GROUP), so they are written here as main.bicep writes them.
set -eu
[ $# -eq 1 ] || {
    echo "usage: outputs.sh DEPLOYMENT" >&2
    exit 2
}

told=$(az deployment sub show --name "$1" --output tsv --only-show-errors \
    --query "[keys(properties.outputs), map(&to_string(value), values(properties.outputs))]")
outputs=$(printf '%s\n' "$told" | awk '
    FILENAME != "-" { if ($1 == "output") name[tolower($2)] = $2; next }
    { line++; count = split($0, part, "\t"); for (i = 1; i <= count; i++) cell[line, i] = part[i] }
    END { for (i = 1; i <= count; i++) if (tolower(cell[1, i]) in name) print name[tolower(cell[1, i])] "=" cell[2, i] }
' "$(dirname "$0")/../main.bicep" -)
[ -n "$outputs" ] || {
    echo "rollcall: Azure gave no output of main.bicep for the deployment $1. Look at it: az deployment sub show --name $1" >&2
    exit 1
}
printf '%s\n' "$outputs"
