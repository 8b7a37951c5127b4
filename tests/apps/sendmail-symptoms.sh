# What docs/guides/troubleshooting.md shows, brought about with the sendmail of the guide.
symptoms() {
    symptoms_of_sendmail_mc
    symptoms_of_sendmail_conf
    symptoms_of_the_socket
    symptoms_of_certificates
    symptoms_of_clients
}

symptoms_of_sendmail_mc() {
    local letter
    restart /confAUTH_MECHANISMS/d
    no_auth 'sendmail'\''s own mechanisms have no PLAIN'
    for letter in a d f; do
        restart "s/A p y/A $letter p y/"
        no_auth "the option $letter leaves nothing"
    done
    restart /TRUST_AUTH_MECH/d
    symptom 'no trust' login PLAIN userlogin@domain.dom saslpasswd
    restart s/M=Es/M=E/
    symptom 'no smtps' ehlo --tls-on-connect
    has 'smtps without s is plain SMTP' "$(ehlo --port 465)" '^<- +250-STARTTLS'

    chmod 640 /etc/mail/certs/smtp.key.pem
    symptom 'group readable' restart
    has 'a key that others can read: no STARTTLS' "$(ehlo --tls)" 'Host did not advertise STARTTLS'
    chmod 600 /etc/mail/certs/smtp.key.pem

    configure /debian-mta/d
    all "$(block start)" >/var/log/said 2>&1
    has 'without DOMAIN there is no access' "$(cat /var/log/said)" '^makemap: error opening type hash map access: Permission denied'
}

no_auth() {
    local said
    said=$(ehlo --tls)
    has "$1" "$said" '^<~ +250 HELP'
    has_not "$1: no AUTH line" "$said" AUTH
}

# sendmail_conf LINE...
sendmail_conf() {
    printf '%s\n' "$@" >/usr/lib/sasl2/Sendmail.conf
    restart
}

symptoms_of_sendmail_conf() {
    sendmail_conf 'pwcheck_method: saslauthd' 'mech_list: plain,login'
    no_auth 'mech_list with a comma'
    sendmail_conf 'pwcheck_method: saslauth' 'mech_list: plain login'
    symptom pwcheck_method login PLAIN userlogin@domain.dom saslpasswd
    sendmail_conf "$(block Sendmail.conf)"
    mv "$plugins" "$plugins.away"
    symptom 'no plugins' restart
    no_auth 'without plugins'
    mv "$plugins.away" "$plugins"
    restart
}

symptoms_of_the_socket() {
    mv /run/saslauthd/mux /run/saslauthd/away
    symptom 'no daemon' login PLAIN userlogin@domain.dom saslpasswd
    symptom 'no socket' testsaslauthd -s smtp -r domain.dom -u userlogin -p saslpasswd
    mv /run/saslauthd/away /run/saslauthd/mux
    chmod 710 /run/saslauthd
    chgrp sasl /run/saslauthd
    symptom permission runuser -u mail -- testsaslauthd -s smtp -r domain.dom -u userlogin -p saslpasswd
    has 'whoever is in the group may ask' "$(runuser -u smmsp -- testsaslauthd -s smtp -r domain.dom -u userlogin -p saslpasswd)" '^0: OK'
}

symptoms_of_certificates() {
    access "$(block 'access by issuer')"
    (
        cd /etc/mail/certs || exit
        openssl ca -config ca/ca.cnf -gencrl -crl_lastupdate 20250101000000Z -crl_nextupdate 20250201000000Z -out revocation.list 2>/dev/null
    )
    restart
    symptom verify attempt --tls --tls-cert /etc/mail/certs/smtp.cert.pem --tls-key /etc/mail/certs/smtp.key.pem
    lets_in 'who has a password needs no certificate' PLAIN userlogin@domain.dom saslpasswd
}

symptoms_of_clients() {
    symptom 'no worthy mechs' sasl-sample-client -s smtp -n mail.domain.org -f noplain <<<"S: $(base64 <<<'PLAIN LOGIN')"
    configure_client
    authinfo saslpasswd2 CRAM-MD5
    symptom 'do not fulfill' send 'by nothing'
    authinfo saslpasswd2 PLAIN
    mv "$plugins" "$plugins.away"
    send 'without plugins' >/dev/null
    logged 'a client without plugins names the mechanism' 'AUTH=client, available mechanisms=PLAIN do not fulfill requirements'
    mv "$plugins.away" "$plugins"
}

# What our daemon's log says, and what libsasl2 says of our store.
symptoms_with_ours() {
    symptom 'wrong password' login PLAIN userlogin@domain.dom wrong
    symptom 'no domain' login PLAIN userlogin saslpasswd
    symptom capitals login PLAIN userlogin@DOMAIN.DOM saslpasswd
    has 'the daemon takes no name apart' "$(testsaslauthd -s smtp -u userlogin@domain.dom -p saslpasswd)" '^0: NO'
    sendmail_conf 'pwcheck_method: auxprop' 'mech_list: plain login'
    symptom auxprop login PLAIN userlogin@domain.dom saslpasswd
    sendmail_conf 'pwcheck_method: saslauthd' 'mech_list: EXTERNAL DIGEST-MD5 CRAM-MD5 LOGIN PLAIN'
    symptom secrets login CRAM-MD5 userlogin@domain.dom saslpasswd
    lets_in 'PLAIN beside them' PLAIN userlogin@domain.dom saslpasswd
    sendmail_conf "$(block Sendmail.conf)"
}

symptoms_with_original() {
    note 'what our daemon logs is no matter of the original'
}

# symptom NAME COMMAND...: what the page shows is in what the command says, or is logged meanwhile
symptom() {
    local name=$1 before
    shift
    before=$(wc -l </var/log/mail.log)
    "$@" >/var/log/said 2>&1
    holds "the symptom: $name" until_there said_or_logged "$before" "$(block "$name" troubleshooting)"
}

# said_or_logged LINES TEXT: each line of the text, by the last command or in the log after so many lines
said_or_logged() {
    local line
    [ -n "$2" ] || return
    while read -r line; do
        tail -n "+$(($1 + 1))" /var/log/mail.log | cat /var/log/said - | grep -qF -- "$line" || return
    done <<<"$2"
}
