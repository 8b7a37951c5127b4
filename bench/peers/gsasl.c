/* gsasl MECHANISM full|client|server COUNT: client and server of GNU SASL in one process, the password or the derived keys in
 * memory. */
#include "exchange.h"

#include <gsasl.h>

static const char *mechanism;
static Gsasl *server_side, *client_side;

static void must(int result, const char *what)
{
    if (result != GSASL_OK && result != GSASL_NEEDS_MORE) {
        fprintf(stderr, "gsasl: %s: %s\n", what, gsasl_strerror(result));
        exit(1);
    }
}

/* What both sides know. */
static int known(Gsasl_session *session, Gsasl_property property)
{
    switch (property) {
    case GSASL_PASSWORD:
        return gsasl_property_set(session, property, PASSWORD);
    case GSASL_SERVICE:
        return gsasl_property_set(session, property, "imap");
    case GSASL_HOSTNAME:
        return gsasl_property_set(session, property, HOST);
    case GSASL_REALM:
        return gsasl_property_set(session, property, REALM);
    default:
        return GSASL_NO_CALLBACK;
    }
}

static int ask_client(Gsasl *side, Gsasl_session *session, Gsasl_property property)
{
    (void)side;
    if (property == GSASL_AUTHID)
        return gsasl_property_set(session, property, USER);
    return known(session, property);
}

static int is_user(Gsasl_session *session)
{
    const char *user = gsasl_property_fast(session, GSASL_AUTHID);
    const char *password = gsasl_property_fast(session, GSASL_PASSWORD);
    return user && password && !strcmp(user, USER) && !strcmp(password, PASSWORD);
}

/* What the server keeps for SCRAM. */
static int kept(Gsasl_session *session, Gsasl_property property)
{
    const struct keys *keys = keys_of(mechanism);
    switch (property) {
    case GSASL_SCRAM_ITER:
        return gsasl_property_set(session, property, ITERATIONS);
    case GSASL_SCRAM_SALT:
        return gsasl_property_set(session, property, SALT);
    case GSASL_SCRAM_STOREDKEY:
        return gsasl_property_set(session, property, keys->stored_key);
    case GSASL_SCRAM_SERVERKEY:
        return gsasl_property_set(session, property, keys->server_key);
    default:
        return GSASL_NO_CALLBACK;
    }
}

static int ask_server(Gsasl *side, Gsasl_session *session, Gsasl_property property)
{
    (void)side;
    if (property == GSASL_VALIDATE_SIMPLE)
        return is_user(session) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
    return keys_of(mechanism) ? kept(session, property) : known(session, property);
}

/* One message, which the receiver frees. */
struct message {
    char *text;
    size_t length;
};

static int step(Gsasl_session *session, struct message in, struct message *out)
{
    return gsasl_step(session, in.text, in.length, &out->text, &out->length);
}

static int client_speaks_first(void)
{
    return !strcmp(mechanism, "PLAIN") || keys_of(mechanism);
}

static void exchange(void)
{
    Gsasl_session *server, *client;
    struct message challenge = {NULL, 0}, response = {NULL, 0};
    int said = GSASL_NEEDS_MORE, heard = GSASL_NEEDS_MORE;

    TIMED(SERVER, must(gsasl_server_start(server_side, mechanism, &server), "gsasl_server_start"));
    TIMED(CLIENT, must(gsasl_client_start(client_side, mechanism, &client), "gsasl_client_start"));
    if (client_speaks_first())
        TIMED(CLIENT, must(said = step(client, challenge, &response), "client"));
    while (heard == GSASL_NEEDS_MORE) {
        TIMED(SERVER, heard = step(server, response, &challenge));
        must(heard, "server");
        gsasl_free(response.text);
        response = (struct message){NULL, 0};
        if (said == GSASL_NEEDS_MORE)
            TIMED(CLIENT, must(said = step(client, challenge, &response), "client"));
        gsasl_free(challenge.text);
        challenge = (struct message){NULL, 0};
    }
    if (said != GSASL_OK)
        must(GSASL_AUTHENTICATION_ERROR, "the client is not content");
    gsasl_free(response.text);
    TIMED(SERVER, gsasl_finish(server));
    TIMED(CLIENT, gsasl_finish(client));
}

static void encode(void)
{
    char *out;
    for (int i = 0; i < CALLS; i++) {
        must(gsasl_base64_to(octets, size, &out, NULL), "gsasl_base64_to");
        if (!*text)
            strcpy(text, out);
        gsasl_free(out);
    }
}

static void decode(void)
{
    size_t length = strlen(text);
    char *out;
    for (int i = 0; i < CALLS; i++) {
        must(gsasl_base64_from(text, length, &out, NULL), "gsasl_base64_from");
        gsasl_free(out);
    }
}

int main(int count, const char **words)
{
    if (count != 4)
        return 2;
    if (measured_codec(words, encode, decode))
        return 0;
    mechanism = words[1];
    must(gsasl_init(&server_side), "gsasl_init");
    must(gsasl_init(&client_side), "gsasl_init");
    gsasl_callback_set(server_side, ask_server);
    gsasl_callback_set(client_side, ask_client);
    measure(words[2], strtoul(words[3], NULL, 10), exchange);
    return 0;
}
