# A guide in docs: what stands there between <!-- NAME: begin --> and <!-- NAME: end --> is what is done here. $guide is its file, where
# no other is named.

# block NAME [FILE]
block() {
    sed -n "/<!-- $1: begin -->/,/<!-- $1: end -->/p" "${2:-$guide}" | grep -v '^ *\(<!--\|```\)'
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

# session NAME [FILE]: its commands, which are lines with a dollar sign, print what it shows
session() {
    holds "the guide's session: $1" diff <(block "$@" | shown) <(block "$@" | replay | shown)
}

replay() {
    sed -e :more -e '/\\$/{N; s/\\\n *//; b more}' | while IFS= read -r line; do
        case $line in '$ '*) echo "$line"; eval "${line#??}" </dev/null 2>&1 ;; esac
    done
}

# conversation NAME: with the server behind its first line, the client's lines get the replies that it shows
conversation() {
    local command
    command=$(block "$1" | sed -n '1s/^\$ //p')
    holds "the guide's session: $1" diff <(block "$1" | sed 1d | shown) \
        <(block "$1" | grep -Ev '^(\$|[0-9]{3}[ -]|depth|verify)' | talk bash -c "$command" | shown)
}

# What is not the same each time: dates and versions. What is written in several lines is one.
shown() {
    sed -E -e ':more' -e '/\\$/{N; s/\\\n *//; b more}' -e 's/; [A-Z][a-z]{2}, [^;]*;/; DATE;/' -e 's/Sendmail [^ ]*;/Sendmail VERSION;/'
}

# talk COMMAND...: says the lines of standard input to the server behind it
talk() {
    python3 "$here/talk.py" "$@"
}
