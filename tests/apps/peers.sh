# What several scripts start, and the programs of the subject.
case $SUBJECT in
ours)
    bin=$OURS_BIN
    # As the package does, so that the daemon serves without privileges.
    getent passwd saslauth >/dev/null || useradd --system --user-group --groups sasl --no-create-home --shell /usr/sbin/nologin saslauth
    ;;
original) bin=/usr/sbin ;;
esac
saslauthd=$bin/saslauthd saslpasswd2=$bin/saslpasswd2 sasldblistusers2=$bin/sasldblistusers2 testsaslauthd=$bin/testsaslauthd

# until_there COMMAND...: for ten seconds
until_there() {
    local try
    for try in $(seq 100); do
        "$@" && return
        sleep 0.1
    done 2>/dev/null
    echo "# waited in vain: $*" >&2
    return 1
}

# listens PORT [ADDRESS]
listens() {
    (exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1")
}

# user PASSWORD WORD...: saslpasswd2 with those words
user() {
    local password=$1
    shift
    printf %s "$password" | "$saslpasswd2" -p -c "$@"
}

# start_saslauthd WORD...: in /run/saslauthd, and waits for its socket
start_saslauthd() {
    mkdir -p /run/saslauthd
    chmod 755 /run/saslauthd
    "$saslauthd" -m /run/saslauthd "$@" >/var/log/saslauthd.out 2>&1
    until_there test -S /run/saslauthd/mux
}

stop_saslauthd() {
    local pid
    pid=$(cat /run/saslauthd/saslauthd.pid) || return
    kill "$pid"
    until_there gone "$pid"
}

# Ended, even if nobody has asked how.
gone() {
    ! kill -0 "$1" || grep -q "^State:.Z" "/proc/$1/status"
}

# What is sent to /dev/log, in /var/log/mail.log
start_syslog() {
    : >/var/log/mail.log
    python3 -c '
import os, socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
with open("/var/log/mail.log", "ab", buffering=0) as file:
    while True:
        file.write(log.recv(65536).rstrip(b"\0\n") + b"\n")' &
    until_there test -S /dev/log
}

# start_sink ADDRESS PORT FILE: a mail server that takes everything, and writes it there
start_sink() {
    python3 "$here/sink.py" "$@" 2>/var/log/sink.out &
    until_there listens "$2" "$1"
}

# certificates DIRECTORY: ca.pem, and server and client, .pem and .key
certificates() {
    mkdir -p "$1"
    (
        cd "$1" || exit
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/C=AU/O=Company Ltd./OU=Certificate Issuer' \
            -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout ca.key -out ca.pem
        for name in server:mail.domain.org client:client.domain.com; do
            openssl req -newkey rsa:2048 -nodes -subj "/C=AU/O=Company Ltd./CN=${name#*:}" -keyout "${name%:*}.key" -out request
            printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\n' "${name#*:}" >extensions
            openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out "${name%:*}.pem"
        done
    ) >/dev/null 2>&1
}

# guide NAME BLOCK: a block of docs/guides/NAME.md
guide() {
    sed -n "/^<!-- $2: begin -->/,/^<!-- $2: end -->/p" "$guides/$1.md" | grep -v '^\(<!--\|```\)'
}

# replay: runs the commands of a session, which are the lines with "# " or "$ " before them, and prints it as it comes out now
replay() {
    local line
    while IFS= read -r line; do
        case $line in
        '# '* | '$ '*)
            printf '%s\n' "$line"
            (PATH=$bin:$PATH; eval "${line#??}") </dev/null 2>&1
            ;;
        esac
    done
}

# as_in_guide WHAT NAME BLOCK: that session comes out as it stands there
as_in_guide() {
    local there now
    there=$(guide "$2" "$3")
    now=$(replay <<<"$there")
    if [ -n "$there" ] && [ "$now" = "$there" ]; then pass "$1"; else fail "$1"; seen "$(diff <(echo "$there") <(echo "$now"))"; fi
}

# start_for_sasl WORD...: the daemon, for the group sasl alone, as the package has it
start_for_sasl() {
    start_saslauthd "$@"
    chgrp sasl /run/saslauthd
    chmod 710 /run/saslauthd
}

# start_auth SOCKET USER@REALM:PASSWORD...: who speaks Dovecot's protocol there and knows those users: our daemon, or Dovecot
start_auth() {
    local socket=$1 user
    shift
    if [ "$SUBJECT" = ours ]; then
        for user in "$@"; do user "${user#*:}" "${user%%:*}"; done
        start_saslauthd -a sasldb --listen "dovecot:$socket"
    else
        printf '%s\n' "$@" | sed 's/:/:{PLAIN}/; s/$/::::::/' >/etc/dovecot/users
        cat >/etc/dovecot/auth.conf <<-END
	base_dir = /run/dovecot
	log_path = /var/log/dovecot.log
	protocols =
	ssl = no
	disable_plaintext_auth = no
	auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256
	auth_default_realm = mail.domain.org
	auth_realms = mail.domain.org domain.dom domain.com
	auth_failure_delay = 0
	service anvil {
	  unix_listener anvil-auth-penalty {
	    mode = 0
	  }
	}
	passdb {
	  driver = passwd-file
	  args = username_format=%u /etc/dovecot/users
	}
	userdb {
	  driver = static
	  args = uid=mail gid=mail home=/var/mail
	}
	service auth {
	  unix_listener $socket {
	    mode = 0666
	  }
	}
	END
        dovecot -c /etc/dovecot/auth.conf >/var/log/dovecot.out 2>&1
    fi
    until_there test -S "$socket"
}

# stop_auth
stop_auth() {
    if [ "$SUBJECT" = ours ]; then stop_saslauthd; else doveadm -c /etc/dovecot/auth.conf stop; fi
}

# logged PATTERN [FILE]: a line of the log has it, sooner or later
logged() {
    until_there grep -Eq -- "$1" "${2:-/var/log/mail.log}"
}
