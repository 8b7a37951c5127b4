# What docs/guides/sendmail.md has around it: a server, a client elsewhere, and where mail goes.
let_in='235 2\.(0\.0 OK A|7\.0 a)uthenticated'
kept_out='535 5\.7\.[08] authentication failed'
relayed='250 2\.1\.5 .*Recipient ok'
denied='550 5\.7\.1 .*[Rr]elaying denied'
taken='/var/log/relayed /var/spool/submitted'
plugins=$(echo /usr/lib/*/sasl2)

# The guide's commands, on this machine: programs of the subject, services that its package would have, a client elsewhere.
PATH=$bin:$PATH

# Without a terminal it does not ask twice, and all of its input is the password.
saslpasswd2() {
    local password=saslpasswd
    case $* in *domain.com*) password=saslpasswd2 ;; *plainuser*) password=plainpw ;; esac
    printf %s "$password" | command saslpasswd2 "$@"
}

systemctl() {
    case $* in
    'restart saslauthd') start_saslauthd -a sasldb ;;
    'restart sendmail') restart_sendmail ;;
    *) return 1 ;;
    esac
}

swaks() {
    command swaks --local-interface "${from:-127.0.0.2}" --ehlo client.domain.com "$@"
}

openssl() {
    case $1 in
    s_client) shift; command openssl s_client -bind 127.0.0.2 "$@" ;;
    *) command openssl "$@" ;;
    esac
}
export -f openssl

# configure [SED]: sendmail.mc of the guide, changed like that. What is relayed goes to our sink, and nobody asks the DNS.
configure() {
    {
        block sendmail.mc | sed -e '/^MAILER/d' -e "${1:-}"
        cat <<'!'
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`SMART_HOST', `[127.0.0.9]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h 2600')dnl
!
        block sendmail.mc | grep '^MAILER'
    } >/etc/mail/sendmail.mc
}

# restart [SED]: with sendmail.mc changed like that
restart() {
    configure "${1:-}"
    all "$(block start)"
    [ $? = 0 ] || fail "sendmail does not start with ${1:-}"
}

restart_sendmail() {
    local pid=/run/sendmail/mta/sendmail.pid old
    if [ -e $pid ]; then
        old=$(head -n 1 $pid)
        rm $pid
        kill "$old"
        until_there gone "$old"
    fi
    /usr/sbin/sendmail -bd -q1m -L sm-mta >/var/log/sendmail.out 2>&1
    until_there test -s $pid
    until_there listens 25
}

# ehlo FLAG...: what is offered
ehlo() {
    swaks --server mail.domain.org --quit-after EHLO "$@" 2>&1
}

# attempt FLAG...: as far as a recipient elsewhere
attempt() {
    swaks --server mail.domain.org --from userlogin@domain.dom --to friend@example.net --quit-after RCPT "$@" 2>&1
}

# login MECHANISM USER PASSWORD [FLAG...]: the same, logged in; with STARTTLS unless there are flags
login() {
    local mechanism=$1 user=$2 password=$3
    shift 3
    attempt "${@:---tls}" --auth "$mechanism" --auth-user "$user" --auth-password "$password"
}

# lets_in WHAT LOGIN...: and then relays
lets_in() {
    local what=$1 said
    shift
    said=$(login "$@")
    has "$what" "$said" "$let_in"
    has "$what: may relay" "$said" "$relayed"
}

keeps_out() {
    local what=$1 said
    shift
    said=$(login "$@")
    has "$what" "$said" "$kept_out"
    has_not "$what: not let in" "$said" "$let_in"
}

# gsasl_login MECHANISM FLAG...
gsasl_login() {
    gsasl --client --smtp --connect mail.domain.org:25 --service smtp --hostname mail.domain.org --mechanism "$1" \
        --authentication-id userlogin@domain.dom --password saslpasswd "${@:2}" </dev/null 2>&1
}

smtps() {
    printf '%s\n' 'EHLO x' "$@" QUIT | talk bash -c 'openssl s_client -quiet -connect mail.domain.org:465'
}

plain() {
    printf '%s\0%s\0%s' "$@" | base64 -w 0
}

# access WORD...: that line in place of the guide's
access() {
    echo "$*" >/etc/mail/access
    makemap hash /etc/mail/access </etc/mail/access
}

# The client is a second sendmail, with its files beside those of the first.
without_tls='FEATURE(`access_db'\'', `hash -T<TMPF> /etc/mail/without_tls'\'')dnl'
to_587='define(`RELAY_MAILER_ARGS'\'', `TCP $h 587'\'')dnl'

# configure_client [LINE...]: with these in it, too
configure_client() {
    {
        block client.mc | grep -v '^MAILER'
        printf '%s\n' "$@"
        cat <<'!'
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`confDOMAIN_NAME', `client.domain.com')dnl
define(`QUEUE_DIR', `/var/spool/client')dnl
define(`STATUS_FILE', `/var/spool/client/status')dnl
define(`confPID_FILE', `/var/spool/client/pid')dnl
CLIENT_OPTIONS(`Family=inet, Address=127.0.0.2')dnl
!
        block client.mc | grep '^MAILER'
    } >/etc/mail/client.mc
    m4 /etc/mail/client.mc >/etc/mail/client.cf
    echo 'Try_TLS: NO' | makemap hash /etc/mail/without_tls
}

sendmail() {
    /usr/sbin/sendmail -C /etc/mail/client.cf "$@"
}

# authinfo PASSWORD MECHANISMS
authinfo() {
    echo "AuthInfo:mail.domain.org \"U:userlogin@domain.com\" \"P:$1\" \"M:$2\"" >/etc/mail/authinfo
    makemap hash /etc/mail/authinfo </etc/mail/authinfo
}

# send BODY
send() {
    printf 'Subject: hello\n\n%s\n' "$1" | sendmail -Am -odi -v -f userlogin@domain.com friend@example.net 2>&1 | tr -d '\r'
    find /var/spool/client -type f -delete
}

# sends WHAT MECHANISM BODY: the client logs in by that, and the body comes to where the server relays it
sends() {
    local said
    said=$(send "$3")
    has "$1" "$said" "^>>> AUTH $2"
    has "$1: logged in" "$said" "^$let_in"
    holds "$1: relayed" until_there grep -rq "^$3" $taken
}

# sends_not WHAT PATTERN BODY: it says that
sends_not() {
    has "$1" "$(send "$3")" "$2"
    holds_not "$1: not relayed" grep -r "^$3" $taken
}

# logged WHAT PATTERN
logged() {
    holds "$1" until_there grep -Eq -- "$2" /var/log/mail.log
}
