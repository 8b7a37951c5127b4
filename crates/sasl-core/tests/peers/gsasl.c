/* GNU SASL as a peer that speaks base64 lines on stdin and stdout: arguments and lines as in libsasl2.c. */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *mechanism, *user, *password, *realm;
static char line[65536];

static int property(Gsasl *context, Gsasl_session *session, Gsasl_property wanted) {
    const char *name;
    (void)context;
    switch (wanted) {
    case GSASL_SERVICE: return gsasl_property_set(session, wanted, "smtp");
    case GSASL_HOSTNAME: return gsasl_property_set(session, wanted, "mail.example.com");
    case GSASL_AUTHID: return gsasl_property_set(session, wanted, user);
    case GSASL_REALM: return strcmp(realm, "-") ? gsasl_property_set(session, wanted, realm) : GSASL_NO_CALLBACK;
    case GSASL_QOP:
    case GSASL_QOPS: return gsasl_property_set(session, wanted, "qop-auth");
    case GSASL_PASSWORD: /* a server is asked for the password of AUTHID, and knows one user */
        name = gsasl_property_fast(session, GSASL_AUTHID);
        if (name && strcmp(name, user)) return GSASL_NO_PASSWORD;
        return gsasl_property_set(session, wanted, password);
    case GSASL_VALIDATE_SIMPLE:
        name = gsasl_property_fast(session, GSASL_AUTHID);
        if (!name || strcmp(name, user)) return GSASL_AUTHENTICATION_ERROR;
        name = gsasl_property_fast(session, GSASL_PASSWORD);
        return name && !strcmp(name, password) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
    default: return GSASL_NO_CALLBACK;
    }
}

static const char *hear(char **text) {
    if (!fgets(line, sizeof line, stdin)) exit(3);
    line[strcspn(line, "\n")] = 0;
    *text = strchr(line, ' ');
    if (*text) *(*text)++ = 0;
    return line;
}

static void say(const char *word, const char *text) {
    printf("%s %s\n", word, text ? text : "");
    fflush(stdout);
}

static void end(int code) {
    if (code == GSASL_OK) printf("success\n");
    else printf("failure %d\n", code);
    exit(0);
}

static void serve(Gsasl_session *session) {
    char *text, *out = NULL;
    int none = !strcmp(hear(&text), "none");
    int code = none ? gsasl_step64(session, "", &out) : gsasl_step64(session, text, &out);
    while (code == GSASL_NEEDS_MORE || (code == GSASL_OK && out && *out)) {
        int last = code == GSASL_OK;
        say("challenge", out);
        hear(&text);
        if (last) break;
        code = gsasl_step64(session, text ? text : "", &out);
    }
    if (code != GSASL_OK) end(code);
    gsasl_base64_to(user, strlen(user), &out, NULL);
    say("success", out);
}

/* The first step of a mechanism where the server speaks first gives nothing to send. */
static void connect_to(Gsasl_session *session) {
    char *text, *out = NULL;
    int server_first = !strcmp(mechanism, "CRAM-MD5") || !strcmp(mechanism, "DIGEST-MD5") || !strcmp(mechanism, "LOGIN");
    int code = server_first ? GSASL_NEEDS_MORE : gsasl_step64(session, "", &out);
    if (server_first) printf("none\n"), fflush(stdout);
    else say("initial", out);
    while (!strcmp(hear(&text), "challenge")) {
        code = gsasl_step64(session, text ? text : "", &out);
        if (code != GSASL_OK && code != GSASL_NEEDS_MORE) end(code);
        say("response", out);
    }
    end(code);
}

int main(int count, char **words) {
    Gsasl *context;
    Gsasl_session *session;
    if (count != 6) return 1;
    mechanism = words[2], user = words[3], password = words[4], realm = words[5];
    if (gsasl_init(&context) != GSASL_OK) return 5;
    gsasl_callback_set(context, property);
    if (!strcmp(words[1], "server")) {
        if (gsasl_server_start(context, mechanism, &session) != GSASL_OK) return 6;
        serve(session);
    } else {
        if (gsasl_client_start(context, mechanism, &session) != GSASL_OK) return 6;
        connect_to(session);
    }
    return 0;
}
