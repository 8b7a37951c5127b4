# A guide that is followed: what stands in it between <!-- NAME: begin --> and <!-- NAME: end --> is what is done here. $guide is its name.

# block NAME [GUIDE]
block() {
    guide "${2:-$guide}" "$1"
}

# follow NAME: its commands, of which none may fail
follow() {
    local said
    said=$(all "$(block "$1")" 2>&1)
    case $? in
    0) pass "the guide's commands: $1" ;;
    *) fail "the guide's commands: $1"; seen "$said" ;;
    esac
}

# all COMMANDS: until one fails. Not to be asked for in a condition: there, bash goes on after a failure.
all() (
    set -e
    [ -n "$1" ]
    eval "$1"
)

# session NAME [GUIDE]: its commands, which are lines with a dollar sign, print what it shows
session() {
    holds "the guide's session: $1" alike "$(block "$@")" "$(block "$@" | joined | replay)"
}

# conversation NAME: with the server behind its first line, the client's lines get the replies that it shows
conversation() {
    local command typed
    command=$(block "$1" | sed -n '1s/^\$ //p')
    typed=$(block "$1" | grep -Ev '^(\$|[0-9]{3}[ -]|depth|verify)')
    holds "the guide's session: $1" alike "$(block "$1" | sed 1d)" "$(talk bash -c "$command" <<<"$typed")"
}

# alike SHOWN SEEN
alike() {
    [ -n "$1" ] && diff <(shown <<<"$1") <(shown <<<"$2")
}

# What is written in several lines is one.
joined() {
    sed -e :more -e '/\\$/{N; s/\\\n *//; b more}'
}

# What is not the same each time: dates and versions.
shown() {
    joined | sed -E -e 's/; [A-Z][a-z]{2}, [^;]*;/; DATE;/' -e 's/Sendmail [^ ]*;/Sendmail VERSION;/'
}

# talk COMMAND...: says the lines of standard input to the server behind it
talk() {
    python3 "$here/talk.py" "$@"
}
