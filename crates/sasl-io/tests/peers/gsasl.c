/* GNU SASL for smtp.c. */
#include "smtp.h"
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

static Gsasl_session *session;
static int is_server, proved;
static char *last;
static char wired[1 << 18], opened[1 << 18];
static size_t waiting;

static int property(Gsasl *context, Gsasl_session *of, Gsasl_property wanted) {
    const char *name = gsasl_property_fast(of, GSASL_AUTHID), *given;
    (void)context;
    switch (wanted) {
    case GSASL_SERVICE: return gsasl_property_set(of, wanted, "smtp");
    case GSASL_HOSTNAME:
    case GSASL_REALM: return gsasl_property_set(of, wanted, "mail.example.com");
    case GSASL_AUTHID: return gsasl_property_set(of, wanted, login);
    case GSASL_ANONYMOUS_TOKEN: return gsasl_property_set(of, wanted, "tim@example.com");
    case GSASL_QOP:
    case GSASL_QOPS: return gsasl_property_set(of, wanted, strength ? "qop-int" : "qop-auth");
    case GSASL_PASSWORD:
        return name && strcmp(name, login) ? GSASL_NO_PASSWORD : gsasl_property_set(of, wanted, password);
    case GSASL_VALIDATE_SIMPLE:
        given = gsasl_property_fast(of, GSASL_PASSWORD);
        return name && given && !strcmp(name, login) && !strcmp(given, password) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
    case GSASL_VALIDATE_EXTERNAL:
    case GSASL_VALIDATE_ANONYMOUS: return GSASL_OK;
    default: return GSASL_NO_CALLBACK;
    }
}

static Gsasl *context(void) {
    static Gsasl *one;
    if (!one && gsasl_init(&one) != GSASL_OK) exit(6);
    gsasl_callback_set(one, property);
    return one;
}

const char *offer(void) {
    static char *names;
    if (!names && gsasl_server_mechlist(context(), &names) != GSASL_OK) exit(7);
    return names;
}

/* A server's last data go as a challenge, and what answers them is nothing. */
enum outcome step(const char *text, const char **answer) {
    int code;
    *answer = NULL;
    if (proved) return *text ? FAILED : DONE;
    gsasl_free(last), last = NULL;
    code = gsasl_step64(session, text, &last);
    if (code != GSASL_OK && code != GSASL_NEEDS_MORE) return FAILED;
    *answer = last;
    if (code == GSASL_NEEDS_MORE) return MORE;
    proved = is_server && last && *last;
    return proved ? MORE : DONE;
}

static int speaks_second(const char *mechanism) { return !strcmp(mechanism, "CRAM-MD5") || !strcmp(mechanism, "DIGEST-MD5"); }

enum outcome begin(enum side side, const char *mechanism, const char *text, const char **answer) {
    int code = side == SERVER ? gsasl_server_start(context(), mechanism, &session)
                              : gsasl_client_start(context(), mechanism, &session);
    *answer = NULL, is_server = side == SERVER, proved = 0;
    if (code != GSASL_OK) return FAILED;
    if (side == CLIENT && speaks_second(mechanism)) return MORE;
    return step(text ? text : "", answer);
}

/* gsasl makes one packet of anything, and does not look at how much the other side takes. */
int protect(const char *plain, size_t size, const char **wire, size_t *wire_size) {
    static char packets[1 << 18];
    size_t piece, length;
    char *out;
    for (*wire_size = 0; size; plain += piece, size -= piece) {
        piece = size < 1000 ? size : 1000;
        if (gsasl_encode(session, plain, piece, &out, &length) != GSASL_OK) return 1;
        memcpy(packets + *wire_size, out, length), *wire_size += length;
        gsasl_free(out);
    }
    return *wire = packets, 0;
}

/* gsasl takes packets one by one, and whole. */
int reveal(const char *wire, size_t size, const char **plain, size_t *plain_size) {
    size_t packet, length;
    char *out;
    *plain = opened, *plain_size = 0;
    if (waiting + size > sizeof wired) return 1;
    memcpy(wired + waiting, wire, size), waiting += size;
    while (waiting >= 4) {
        const unsigned char *head = (const unsigned char *)wired;
        packet = 4 + ((size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3]);
        if (waiting < packet) break;
        if (gsasl_decode(session, wired, packet, &out, &length) != GSASL_OK) return 1;
        memcpy(opened + *plain_size, out, length), *plain_size += length;
        memmove(wired, wired + packet, waiting -= packet);
        gsasl_free(out);
    }
    return 0;
}
