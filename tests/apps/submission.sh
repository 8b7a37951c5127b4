# A server at ports 25, 465 and 587 of mail.domain.org, which relays for who logs in: what is claimed of it, whichever it is.
# The script sets how it replies: $in to a right password, $out to a wrong one, $relayed to RCPT then.
user=userlogin@domain.dom
mechanisms='PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256'
gsasl_to='--connect mail.domain.org:587 --starttls --x509-ca-file=/etc/certs/ca.pem'

# swaks_to WORD...: from an address that is not trusted, to one that is not here
swaks_to() {
    swaks --server mail.domain.org --local-interface 127.0.0.2 --ehlo client.domain.com --timeout 30 \
        --from $user --to somebody@example.net "$@" 2>&1
}

# submit MECHANISM USER PASSWORD [WORD...]: to the submission port, after STARTTLS
submit() {
    swaks_to --port 587 --tls --auth "$1" --auth-user "$2" --auth-password "$3" "${@:4}"
}

# login MECHANISM USER PASSWORD [WORD...]: swaks goes on to RCPT; gsasl, which has SCRAM, does not
login() {
    case $1 in
    SCRAM-*)
        timeout 30 gsasl --client --smtp $gsasl_to --no-cb --mechanism "$1" --authentication-id "$2" --password "$3" \
            --service smtp --hostname mail.domain.org </dev/null 2>&1
        ;;
    *) submit "$@" --quit-after RCPT ;;
    esac
}

# talk LINE...: what is said to each on smtps
talk() {
    printf '%s\n' 'EHLO x' "$@" QUIT | python3 "$here/talk.py" openssl s_client -quiet -connect mail.domain.org:465
}

# plain AUTHZID USER PASSWORD: the message of PLAIN
plain() {
    printf '%s\0%s\0%s' "$@" | base64 -w 0
}

# add_users: to what saslauthd looks up
add_users() {
    user saslpasswd -u domain.dom userlogin
    user saslpasswd2 -u domain.com userlogin
    user plainpw plainuser
}

# start_auth_with_users SOCKET
start_auth_with_users() {
    start_auth "$1" $user:saslpasswd userlogin@domain.com:saslpasswd2 plainuser@mail.domain.org:plainpw
}

# offers MECHANISM...: those and no others, and none before TLS
offers() {
    local ehlo
    has_not 'before TLS there is no AUTH' "$(swaks_to --port 587 --quit-after EHLO)" AUTH
    ehlo=$(swaks_to --port 587 --tls --quit-after EHLO | sed -n 's/^<~ *250[ -]AUTH //p' | tr ' ' '\n' | sort | paste -sd ' ')
    is 'after STARTTLS there are the mechanisms' "$ehlo" "$(printf '%s\n' "$@" | sort | paste -sd ' ')"
    has 'and on smtps' "$(swaks_to --port 465 --tlsc --quit-after EHLO)" '250[ -]AUTH .*PLAIN LOGIN'
}

# passwords MECHANISM
passwords() {
    local said
    said=$(login "$1" $user saslpasswd)
    has "$1: the right password" "$said" "$in"
    case $1 in SCRAM-*) ;; *) has "$1: now it is relayed" "$said" "$relayed" ;; esac
    has "$1: a wrong password" "$(login "$1" $user wrong)" "$out"
    has "$1: an unknown user" "$(login "$1" nobody@domain.dom saslpasswd)" "$out"
}

# domains MECHANISM
domains() {
    has "$1: the same name in another domain" "$(login "$1" userlogin@domain.com saslpasswd2)" "$in"
    has "$1: which has a password of its own" "$(login "$1" userlogin@domain.com saslpasswd)" "$out"
    has "$1: a name alone is in the realm of the host" "$(login "$1" plainuser plainpw)" "$in"
    has "$1: and in no other" "$(login "$1" userlogin saslpasswd)" "$out"
}

on_other_ports() {
    local way said
    for way in '465 --tlsc' '25 --tls'; do
        said=$(swaks_to --port $way --auth PLAIN --auth-user $user --auth-password saslpasswd --quit-after RCPT)
        has "port $way: the right password" "$said" "$in"
        has "port $way: now it is relayed" "$said" "$relayed"
        said=$(swaks_to --port $way --auth LOGIN --auth-user $user --auth-password wrong --quit-after RCPT)
        has "port $way: a wrong password" "$said" "$out"
    done
}

users_change() {
    user new -u domain.dom userlogin
    has 'a new password counts at once' "$(login PLAIN $user new)" "$in"
    has 'and the old one no more' "$(login PLAIN $user saslpasswd)" "$out"
    user saslpasswd -u domain.dom userlogin
    "$saslpasswd2" -d -u domain.com userlogin
    has 'a user who was removed' "$(login PLAIN userlogin@domain.com saslpasswd2)" "$out"
    user saslpasswd2 -u domain.com userlogin
}
