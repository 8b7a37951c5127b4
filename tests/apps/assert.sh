# What is claimed, a line each: PASS, or FAIL with what was seen.
passed=0 failed=0

pass() {
    passed=$((passed + 1))
    echo "PASS $*"
}

fail() {
    failed=$((failed + 1))
    echo "FAIL $*"
}

# seen TEXT: the end of it
seen() {
    printf '%s\n' "$1" | tail -n 15 | sed 's/^/    | /'
}

# holds WHAT COMMAND...: the command succeeds
holds() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then pass "$what"; else fail "$what"; seen "$said"; fi
}

# holds_not WHAT COMMAND...: it fails
holds_not() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then fail "$what"; seen "$said"; else pass "$what"; fi
}

# has WHAT TEXT PATTERN: a line of the text has it
has() {
    if printf '%s\n' "$2" | grep -Eq -- "$3"; then pass "$1"; else fail "$1: nowhere /$3/"; seen "$2"; fi
}

# has_not WHAT TEXT PATTERN: none has
has_not() {
    if printf '%s\n' "$2" | grep -Eq -- "$3"; then fail "$1: there is /$3/"; seen "$2"; else pass "$1"; fi
}

# is WHAT SEEN EXPECTED
is() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: '$2', not '$3'"; fi
}

note() {
    echo "# $*"
}

finish() {
    echo "$NAME, $SUBJECT: $passed passed, $failed failed, in $SECONDS s"
    [ $failed = 0 ]
    exit
}
