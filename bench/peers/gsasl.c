/* gsasl MECHANISM COUNT: client and server of GNU SASL in one process, the password in memory. */
#include "exchange.h"

#include <gsasl.h>
#include <string.h>

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

static int ask_server(Gsasl *side, Gsasl_session *session, Gsasl_property property)
{
    const char *user, *password;
    (void)side;
    if (property != GSASL_VALIDATE_SIMPLE)
        return known(session, property);
    user = gsasl_property_fast(session, GSASL_AUTHID);
    password = gsasl_property_fast(session, GSASL_PASSWORD);
    return user && password && !strcmp(user, USER) && !strcmp(password, PASSWORD) ? GSASL_OK
                                                                                  : GSASL_AUTHENTICATION_ERROR;
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
    return !strcmp(mechanism, "PLAIN");
}

static struct times exchange(void)
{
    struct times times = {0, 0};
    uint64_t began = now();
    Gsasl_session *server, *client;
    struct message challenge = {NULL, 0}, response = {NULL, 0};
    int said = GSASL_NEEDS_MORE, heard = GSASL_NEEDS_MORE;

    TIMED(times.server, must(gsasl_server_start(server_side, mechanism, &server), "gsasl_server_start"));
    must(gsasl_client_start(client_side, mechanism, &client), "gsasl_client_start");
    if (client_speaks_first())
        must(said = step(client, challenge, &response), "client");
    while (heard == GSASL_NEEDS_MORE) {
        TIMED(times.server, heard = step(server, response, &challenge));
        must(heard, "server");
        gsasl_free(response.text);
        response = (struct message){NULL, 0};
        if (said == GSASL_NEEDS_MORE)
            must(said = step(client, challenge, &response), "client");
        gsasl_free(challenge.text);
        challenge = (struct message){NULL, 0};
    }
    if (said != GSASL_OK)
        must(GSASL_AUTHENTICATION_ERROR, "the client is not content");
    gsasl_free(response.text);
    TIMED(times.server, gsasl_finish(server));
    gsasl_finish(client);
    times.full = now() - began;
    return times;
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    mechanism = words[1];
    must(gsasl_init(&server_side), "gsasl_init");
    must(gsasl_init(&client_side), "gsasl_init");
    gsasl_callback_set(server_side, ask_server);
    gsasl_callback_set(client_side, ask_client);
    measure(strtoul(words[2], NULL, 10), exchange);
    return 0;
}
