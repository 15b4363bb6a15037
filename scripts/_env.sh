# Shared by the scripts, which source it: finds Python and uv and fills .venv from uv.lock.
# It writes below .foresail/ and .venv/ only, and runs on macOS' bash 3.2 too.
# shellcheck shell=bash

FORESAIL_UV_VERSION=0.13.8 # the images' Dockerfiles name the same
FORESAIL_UV_AT_LEAST=0.9.0 # an older uv on PATH may not read the lock

foresail_home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

foresail_fail() {
    echo "error: $*" >&2
    exit 1
}

# Print the first Python of 3.11 or newer; one that the lock knows (before 3.14) is preferred.
foresail_python() {
    local python newer=""
    for python in ${FORESAIL_PYTHON:+"$FORESAIL_PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        case $("$python" -c 'import sys; print(sys.version_info[:2] >= (3, 11), sys.version_info[:2] >= (3, 14))' 2>/dev/null) in
            "True False") command -v "$python" && return ;;
            "True True") newer=${newer:-$(command -v "$python")} ;;
        esac
    done
    [ -n "$newer" ] && echo "$newer"
}

# Say whether version $1 is at least version $2.
foresail_at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# Print the path of uv: the one on PATH, or one below .foresail/uv that is fetched where it is missing.
foresail_uv() {
    local python=$1 folder=$foresail_home/.foresail/uv version
    version=$(uv --version 2>/dev/null | awk '{ print $2 }')
    if [ -n "$version" ] && foresail_at_least "$version" "$FORESAIL_UV_AT_LEAST"; then
        command -v uv
        return
    fi
    if [ "$("$folder/bin/uv" --version 2>/dev/null | awk '{ print $2 }')" != "$FORESAIL_UV_VERSION" ]; then
        echo "Fetching uv $FORESAIL_UV_VERSION into .foresail/uv ..." >&2
        rm -rf "$folder"
        # Debian's Python without python3-venv makes no environment; the second way needs none.
        if ! { "$python" -m venv "$folder" &&
            "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$FORESAIL_UV_VERSION"; } >/dev/null 2>&1; then
            rm -rf "$folder"
            "$python" "$foresail_home/scripts/_fetch_uv.py" "$FORESAIL_UV_VERSION" "$folder/bin/uv" || return
        fi
    fi
    echo "$folder/bin/uv"
}

# uv trusts its own list of authorities unless told; behind a company's proxy the system's is needed.
foresail_certificates() {
    local file
    for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        if [ -n "$file" ] && [ -s "$file" ]; then
            export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
            export UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}" # its older name
            return
        fi
    done
}

# Fill .venv from the lock and put its programs on PATH; options go to uv sync.
foresail_env() {
    local python uv
    python=$(foresail_python)
    [ -n "$python" ] || foresail_fail "need Python 3.11 or newer on PATH; install it, or set FORESAIL_PYTHON"
    mkdir -p "$foresail_home/.foresail/tmp"
    uv=$(foresail_uv "$python") && [ -n "$uv" ] || foresail_fail "cannot get uv; install it (https://docs.astral.sh/uv) and run again"
    foresail_certificates
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$foresail_home/.foresail/uv-cache}"
    export UV_PYTHON_INSTALL_DIR="${UV_PYTHON_INSTALL_DIR:-$foresail_home/.foresail/python}"
    unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT
    if [ ! -x "$foresail_home/.venv/bin/python" ]; then
        echo "Filling .venv from uv.lock (a minute or two the first time) ..." >&2
        if foresail_at_least "$("$python" -c 'import platform; print(platform.python_version())')" 3.14.0; then
            python=3.13 # the lock stops before 3.14: uv fetches one
        fi
        TMPDIR="$foresail_home/.foresail/tmp" "$uv" venv --quiet --directory "$foresail_home" --python "$python" .venv || foresail_fail "uv could not make .venv (see above)"
    fi
    # uv leaves lock files in TMPDIR; the tests keep theirs, whose sockets need a short path
    TMPDIR="$foresail_home/.foresail/tmp" "$uv" sync --quiet --frozen --project "$foresail_home" "$@" || foresail_fail "uv could not fill .venv from uv.lock (see above)"
    export PATH="$foresail_home/.venv/bin:$PATH"
}
