/* GNU SASL as a peer: arguments and lines as in libsasl2.c, but for those that it has no use for. What is kept is given
 * by secret=iter: salt: storedkey: serverkey: (each as text) for SCRAM, and digest: (hexadecimal) for DIGEST-MD5.
 */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (1 << 20)

static const char NAMES[] = " mechanism user password secret authzid trace service host realm proxy min_ssf max_ssf "
                            "external binding initial success_data ";
static char **words;
static char line[2 * MOST];
static char *bytes;
static size_t length;

/* The value of the option behind the one at *place. */
static const char *next_option(const char *name, int *place) {
    size_t size = strlen(name);
    while (words[*place] && words[++*place])
        if (!strncmp(words[*place], name, size) && words[*place][size] == '=') return words[*place] + size + 1;
    return NULL;
}

static const char *option_or(const char *name, const char *otherwise) {
    int place = 1;
    const char *value = next_option(name, &place);
    return value ? value : otherwise;
}

static const char *option(const char *name) { return option_or(name, NULL); }

static unsigned number(const char *name) { return strtoul(option_or(name, "0"), NULL, 10); }

static void say(const char *word, const char *text, size_t size) {
    char *encoded;
    if (gsasl_base64_to(text ? text : "", size, &encoded, NULL) != GSASL_OK) exit(2);
    printf("%s %s\n", word, encoded);
    fflush(stdout);
    gsasl_free(encoded);
}

static void say_alone(const char *word) {
    puts(word);
    fflush(stdout);
}

/* With a NUL behind it. */
static char *decode(const char *text, size_t *size) {
    char *decoded;
    if (gsasl_base64_from(text, strlen(text), &decoded, size) != GSASL_OK || !(decoded = realloc(decoded, *size + 1)))
        exit(4);
    decoded[*size] = 0;
    return decoded;
}

/* Reads a line; gives its first word, and what follows, decoded, in bytes and length. */
static const char *hear(void) {
    char *text;
    if (!fgets(line, sizeof line, stdin)) exit(0);
    line[strcspn(line, "\n")] = 0;
    text = strchr(line, ' ');
    if (text) *text++ = 0;
    free(bytes);
    bytes = decode(text ? text : "", &length);
    return line;
}

static void fail(int code) {
    char text[1024];
    snprintf(text, sizeof text, "%d %s", code, gsasl_strerror_name(code));
    say("failure", text, strlen(text));
}

static int give(Gsasl_session *session, Gsasl_property wanted, const char *value) {
    return value ? gsasl_property_set(session, wanted, value) : GSASL_NO_CALLBACK;
}

/* A secret as text, of the one user that a server knows. */
static int give_secret(Gsasl_session *session, Gsasl_property wanted, const char *name) {
    const char *user = gsasl_property_fast(session, GSASL_AUTHID), *secret;
    size_t size;
    int place = 1, code = GSASL_NO_CALLBACK;
    if (user && strcmp(user, option_or("user", ""))) return code;
    while ((secret = next_option("secret", &place)))
        if (!strncmp(secret, name, strlen(name)) && secret[strlen(name)] == ':') {
            char *text = decode(secret + strlen(name) + 1, &size);
            code = gsasl_property_set(session, wanted, text);
            free(text);
        }
    return code;
}

static int give_password(Gsasl_session *session, Gsasl_property wanted) {
    const char *user = gsasl_property_fast(session, GSASL_AUTHID);
    return user && strcmp(user, option_or("user", "")) ? GSASL_NO_PASSWORD : give(session, wanted, option("password"));
}

static int give_binding(Gsasl_session *session, Gsasl_property wanted, const char *type) {
    const char *binding = option_or("binding", "");
    size_t size = strlen(type);
    return give(session, wanted, !strncmp(binding, type, size) && binding[size] == ':' ? binding + size + 1 : NULL);
}

/* What a server offers. */
static const char *protections(void) {
    if (!number("max_ssf")) return "qop-auth";
    return number("min_ssf") ? "qop-int" : "qop-auth, qop-int";
}

/* What a client takes of it. One that demands a layer asks for it, offered or not, and is refused. */
static const char *protection(Gsasl_session *session) {
    const char *offered = gsasl_property_fast(session, GSASL_QOPS);
    int wants = number("min_ssf") || (offered && strstr(offered, "qop-int"));
    return number("max_ssf") && wants ? "qop-int" : "qop-auth";
}

static int may_act(Gsasl_session *session, const char *login) {
    const char *other = gsasl_property_fast(session, GSASL_AUTHZID);
    return !other || !*other || (login && !strcmp(other, login)) || !strcmp(other, option_or("proxy", ""));
}

/* For PLAIN, gsasl has prepared what came (SASLprep); so must be what is kept. */
static int is_password(Gsasl_session *session, const char *given) {
    const char *kept = option_or("password", "");
    char *prepared = NULL;
    int same;
    if (!strcmp(gsasl_mechanism_name(session), "PLAIN")) gsasl_saslprep(kept, 0, &prepared, NULL);
    same = given && !strcmp(given, prepared ? prepared : kept);
    gsasl_free(prepared);
    return same;
}

static int check_password(Gsasl_session *session) {
    const char *user = gsasl_property_fast(session, GSASL_AUTHID);
    const char *password = gsasl_property_fast(session, GSASL_PASSWORD);
    int right = user && !strcmp(user, option_or("user", "")) && is_password(session, password);
    return right && may_act(session, user) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int property(Gsasl *context, Gsasl_session *session, Gsasl_property wanted) {
    (void)context;
    switch (wanted) {
    case GSASL_SERVICE: return give(session, wanted, option_or("service", "smtp"));
    case GSASL_HOSTNAME: return give(session, wanted, option_or("host", "mail.example.com"));
    case GSASL_AUTHID: return give(session, wanted, option("user"));
    case GSASL_AUTHZID: return give(session, wanted, option("authzid"));
    case GSASL_ANONYMOUS_TOKEN: return give(session, wanted, option("trace"));
    case GSASL_REALM: return give(session, wanted, option("realm"));
    case GSASL_QOP: return give(session, wanted, protection(session));
    case GSASL_QOPS: return give(session, wanted, protections());
    case GSASL_PASSWORD: return give_password(session, wanted);
    case GSASL_SCRAM_ITER: return give_secret(session, wanted, "iter");
    case GSASL_SCRAM_SALT: return give_secret(session, wanted, "salt");
    case GSASL_SCRAM_STOREDKEY: return give_secret(session, wanted, "storedkey");
    case GSASL_SCRAM_SERVERKEY: return give_secret(session, wanted, "serverkey");
    case GSASL_DIGEST_MD5_HASHED_PASSWORD: return give_secret(session, wanted, "digest");
    case GSASL_CB_TLS_UNIQUE: return give_binding(session, wanted, "tls-unique");
    case GSASL_CB_TLS_EXPORTER: return give_binding(session, wanted, "tls-exporter");
    case GSASL_VALIDATE_SIMPLE: return check_password(session);
    case GSASL_VALIDATE_EXTERNAL:
        return option("external") && may_act(session, option("external")) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
    case GSASL_VALIDATE_ANONYMOUS: return GSASL_OK;
    default: return GSASL_NO_CALLBACK;
    }
}

/* Who authenticated; some mechanisms leave it to the application to know. */
static const char *login(Gsasl_session *session) {
    const char *mechanism = gsasl_mechanism_name(session);
    if (!strcmp(mechanism, "EXTERNAL")) return option("external");
    return strcmp(mechanism, "ANONYMOUS") ? gsasl_property_fast(session, GSASL_AUTHID) : "anonymous";
}

/* gsasl finishes with the last data; a protocol without data at success sends them as a challenge. */
static void finish(Gsasl_session *session, const char *out, size_t size) {
    if (!may_act(session, login(session))) return fail(GSASL_AUTHENTICATION_ERROR);
    if (size && number("success_data")) return say("success", out, size);
    if (size) say("challenge", out, size), hear();
    say_alone("success");
}

static void offer(Gsasl *context) {
    char *names;
    if (gsasl_server_mechlist(context, &names) != GSASL_OK) exit(8);
    say("offer", names, strlen(names));
    gsasl_free(names);
}

static void serve(Gsasl *context, Gsasl_session **session) {
    char *out = NULL;
    size_t size = 0;
    int code, none;
    while (!strcmp(hear(), "offer")) offer(context);
    if ((code = gsasl_server_start(context, bytes, session)) != GSASL_OK) return fail(code);
    none = !strcmp(hear(), "none");
    while ((code = gsasl_step(*session, none ? NULL : bytes, none ? 0 : length, &out, &size)) == GSASL_NEEDS_MORE) {
        none = 0;
        say("challenge", out, size), gsasl_free(out), out = NULL;
        hear();
    }
    if (code == GSASL_OK) finish(*session, out, size);
    else fail(code);
}

/* The first step of a mechanism where the server speaks first gives nothing to send. */
static int begin(Gsasl_session *session, const char *mechanism) {
    char *out = NULL;
    size_t size = 0;
    int code, waits = !strcmp(option_or("initial", "yes"), "no");
    say("mechanism", mechanism, strlen(mechanism));
    if (waits || !strcmp(mechanism, "CRAM-MD5") || !strcmp(mechanism, "DIGEST-MD5"))
        return say_alone("none"), GSASL_NEEDS_MORE;
    code = gsasl_step(session, NULL, 0, &out, &size);
    if (code == GSASL_OK || code == GSASL_NEEDS_MORE) say("initial", out, size), gsasl_free(out);
    return code;
}

static void connect_to(Gsasl *context, Gsasl_session **session) {
    const char *word = "", *mechanism = gsasl_client_suggest_mechanism(context, option_or("mechanism", ""));
    int code = mechanism ? gsasl_client_start(context, mechanism, session) : GSASL_UNKNOWN_MECHANISM;
    if (code == GSASL_OK) code = begin(*session, mechanism);
    while ((code == GSASL_OK || code == GSASL_NEEDS_MORE) && strcmp(word, "success")) {
        char *out = NULL;
        size_t size = 0;
        word = hear();
        if (!strcmp(word, "failure")) return;
        if (!strcmp(word, "success") && !length) break;
        code = gsasl_step(*session, bytes, length, &out, &size);
        if ((code == GSASL_OK || code == GSASL_NEEDS_MORE) && !strcmp(word, "challenge")) say("response", out, size);
        if (code == GSASL_OK || code == GSASL_NEEDS_MORE) gsasl_free(out);
    }
    if (code == GSASL_OK) say_alone("success");
    else fail(code);
}

static void say_text(const char *word, const char *text) { say(word, text, text ? strlen(text) : 0); }

static void say_user(Gsasl_session *session) {
    const char *other = gsasl_property_fast(session, GSASL_AUTHZID);
    say_text("user", other && *other ? other : login(session));
}

static void convert(Gsasl_session *session, const char *word) {
    char *out = NULL;
    size_t size = 0;
    int wraps = !strcmp(word, "wrap");
    int code = wraps ? gsasl_encode(session, bytes, length, &out, &size) : gsasl_decode(session, bytes, length, &out, &size);
    if (code != GSASL_OK) return fail(code);
    say(wraps ? "packet" : "plain", out, size);
    gsasl_free(out);
}

static void answer_until_again(Gsasl_session *session) {
    for (;;) {
        const char *word = hear();
        if (!strcmp(word, "again")) return;
        else if (!strcmp(word, "user")) say_user(session);
        else if (!strcmp(word, "login")) say_text(word, login(session));
        else if (!strcmp(word, "wrap") || !strcmp(word, "unwrap")) convert(session, word);
        else fail(GSASL_NO_CALLBACK);
    }
}

static void check_options(void) {
    char **word, name[64];
    for (word = words + 2; *word; word++) {
        snprintf(name, sizeof name, " %.*s ", (int)strcspn(*word, "="), *word);
        if (!strstr(NAMES, name)) exit(1);
    }
}

int main(int count, char **arguments) {
    Gsasl *context;
    if (count < 2 || gsasl_init(&context) != GSASL_OK) return 5;
    words = arguments;
    check_options();
    gsasl_callback_set(context, property);
    for (;;) {
        Gsasl_session *session = NULL;
        if (!strcmp(words[1], "server")) serve(context, &session);
        else connect_to(context, &session);
        if (!session) return 6;
        answer_until_again(session);
        gsasl_finish(session);
    }
}
