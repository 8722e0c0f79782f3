# Read by the other hooks: needs NAME... says which of these variables is not set or empty, and fails then.
needs() {
    for name in "$@"; do
        eval "value=\${$name:-}"
        [ -z "$value" ] || continue
        echo "rollcall: the variable $name is not set. Set the outputs: export \$(infra/hooks/outputs.sh rollcall-ENVIRONMENT)" >&2
        return 1
    done
}
